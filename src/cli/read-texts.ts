/** Files as the control plane has them: those in force, or those of a version. */
import { callControl } from './admin-client.ts';
import { isObject } from './json.ts';
import type { StateDir } from './state-dir.ts';

/** The texts by path that `GET call` answers with (`/api/sources`, `/api/history/<version>`). Throws CliError where it is refused. */
export async function readTexts(state: StateDir, call: string): Promise<ReadonlyMap<string, string>> {
  const answer = await callControl(state, call);
  const files = isObject(answer) && isObject(answer['files']) ? answer['files'] : {};
  return new Map(Object.entries(files).flatMap(([file, text]) => (typeof text === 'string' ? [[file, text]] : [])));
}

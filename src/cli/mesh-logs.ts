import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { StateDir } from './state-dir.ts';

/** The access logs of a mesh. */
export function logsOf(state: StateDir): readonly string[] {
  const names = existsSync(state.logs) ? readdirSync(state.logs) : [];
  return names.filter((name) => name.endsWith('.log') && name !== 'control.log').map((name) => path.join(state.logs, name));
}

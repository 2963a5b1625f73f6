/** Flows as they come, in lines, until Ctrl-C or until whoever reads has enough. */
import { isFlow } from '../fetch-flows.ts';
import { watchControl } from '../admin-client.ts';
import { isObject } from '../json.ts';
import { hasColours, terminalWidth } from '../output.ts';
import type { StateDir } from '../state-dir.ts';
import { FLOW_COLUMNS } from './columns.ts';
import { createLiveLines } from './live-lines.ts';

/** Follows `query` of `/api/flows`; `output` is how lines are printed. Throws CliError where nobody answers. */
export async function followFlows(state: StateDir, query: URLSearchParams, output: 'table' | 'json', hasTitle: boolean): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  const lines = createLiveLines(FLOW_COLUMNS, terminalWidth(), hasColours());
  if (output === 'table' && hasTitle) process.stdout.write(`${lines.title}\n`);
  try {
    for await (const value of watchControl(state, `/api/flows?watch=true&${query.toString()}`, ended.signal)) {
      if (isFlow(value)) process.stdout.write(`${output === 'json' ? JSON.stringify(value) : lines.line(value)}\n`);
      else if (isObject(value) && typeof value['lost'] === 'number')
        process.stderr.write(`tulle: ${value['lost']} flows are not shown: more came than could be printed\n`);
    }
  } catch (error) {
    if (!ended.signal.aborted) throw error;
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

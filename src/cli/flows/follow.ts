/** Flows as they come, in lines, until Ctrl-C or until whoever reads has enough. */
import { isFlow } from '../fetch-flows.ts';
import { unreachable, watchControl } from '../admin-client.ts';
import { untilEnough } from '../enough.ts';
import { CliError } from '../errors.ts';
import { isObject } from '../json.ts';
import { hasColours, terminalWidth } from '../output.ts';
import type { Flow, TapLine } from '../../model/flow.ts';
import type { StateDir } from '../state-dir.ts';
import { unknownNames } from '../signals/unknown-names.ts';
import { FLOW_COLUMNS } from './columns.ts';
import { createLiveLines } from './live-lines.ts';
import { filterError } from './options.ts';

/** Why nothing will come of a tap; '' where something may. */
export function silenceText({ tellers, concerned }: TapLine): string {
  if (tellers > 0) return '';
  return concerned === 0
    ? 'no connected proxy is concerned'
    : 'the proxies concerned tell of no flows: spec.flows.enabled of MeshConfig is false, or their bootstraps name nobody to tell';
}

async function warnOfSilence(line: TapLine, state: StateDir, query: URLSearchParams): Promise<void> {
  const text = silenceText(line);
  if (text === '') return;
  const workloads = ['workload', 'source', 'destination'].map((name) => query.get(name) ?? '');
  const unknown = line.concerned > 0 ? '' : await unknownNames(state, { workloads });
  process.stderr.write(`tulle: ${[text, unknown].filter((each) => each !== '').join(': ')}\n`);
}

function goneError(cause?: unknown): CliError {
  return new CliError('the control plane ended, or began again: nothing more comes', 'once more, when tulle status answers', { cause });
}

function errorFor(error: unknown, state: StateDir): unknown {
  if (error instanceof CliError) return filterError(error);
  const isNobodyThere = error instanceof Error && 'syscall' in error && error.syscall === 'connect';
  return isNobodyThere ? unreachable(state, error) : goneError(error);
}

/**
 * Follows `query` of `/api/flows`; `output` is how lines are printed, `first` what stands before what comes. Throws
 * CliError where nobody answers.
 */
export async function followFlows(
  state: StateDir,
  query: URLSearchParams,
  output: 'table' | 'json',
  first: readonly Flow[],
): Promise<void> {
  const enough = untilEnough();
  const lines = createLiveLines(FLOW_COLUMNS, terminalWidth(), hasColours());
  const write = (flow: Flow): unknown => process.stdout.write(`${output === 'json' ? JSON.stringify(flow) : lines.line(flow)}\n`);
  if (output === 'table') process.stdout.write(`${lines.title}\n`);
  first.forEach(write);
  try {
    for await (const value of watchControl(state, `/api/flows?watch=true&${query.toString()}`, enough.signal)) {
      if (isObject(value) && typeof value['tellers'] === 'number')
        await warnOfSilence({ tellers: value['tellers'], concerned: Number(value['concerned'] ?? 0) }, state, query);
      else if (isFlow(value)) write(value);
      else if (isObject(value) && typeof value['lost'] === 'number')
        process.stderr.write(`tulle: ${value['lost']} flows are not shown: more came than could be printed\n`);
    }
    if (!enough.signal.aborted) throw goneError();
  } catch (error) {
    if (!enough.signal.aborted) throw errorFor(error, state);
  } finally {
    enough.close();
  }
}

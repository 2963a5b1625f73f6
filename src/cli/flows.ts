/** `tulle flows`: the requests and connections that the control plane was told of. */
import type { KeptFlows, LostFlows } from '../model/flow.ts';
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { flowsOf } from './fetch-flows.ts';
import { FLOW_COLUMNS } from './flows/columns.ts';
import { followFlows } from './flows/follow.ts';
import { addFlowOptions, filterError, type FlowOptions, flowQuery } from './flows/options.ts';
import { isObject, objectAt } from './json.ts';
import { hasColours, jsonText, terminalWidth } from './output.ts';
import { fitTable } from './fit-table.ts';
import { unknownNames } from './signals/unknown-names.ts';
import { findStateDir } from './state-dir.ts';

interface Options extends FlowOptions {
  readonly since?: string;
  readonly until?: string;
  readonly id?: string;
  readonly limit: string;
  readonly watch?: boolean;
  readonly stateDir?: string;
  readonly output: 'table' | 'json';
}

type Numbers<T> = { readonly [K in keyof T]?: unknown };

/** What is kept and what is not, in a sentence; where as many were found as were asked for there may be more. */
export function summary(shown: number, limit: string, answer: unknown): string {
  const kept: Numbers<KeptFlows> = objectAt(answer, 'kept');
  const lost: Numbers<LostFlows> = objectAt(answer, 'lost');
  const missing = Number(lost.byProxies ?? 0) + Number(lost.unreadable ?? 0);
  const parts = [`${shown} of ${Number(kept.flows ?? 0)} that are kept`];
  if (shown > 0 && String(shown) === limit) parts.push(`the newest ${limit} that match: --limit shows more`);
  if (Number(lost.aged ?? 0) > 0) parts.push(`${Number(lost.aged)} older ones are not kept any more`);
  if (missing > 0) parts.push(`${missing} did not come here`);
  return parts.join('; ');
}

async function print(workload: string | undefined, options: Options): Promise<void> {
  const state = findStateDir(options.stateDir);
  const query = flowQuery(workload, options);
  if (options.id !== undefined) query.set('id', options.id);
  const list = new URLSearchParams(query);
  list.set('limit', options.limit);
  for (const key of ['since', 'until'] as const) if (options[key] !== undefined) list.set(key, options[key]);
  const answer = await callControl(state, `/api/flows?${list.toString()}`).catch((error: unknown) => {
    throw filterError(error);
  });
  const flows = flowsOf(answer);
  if (options.output === 'json' && options.watch !== true) {
    process.stdout.write(jsonText(isObject(answer) ? answer : {}));
    if (String(flows.length) === options.limit) process.stderr.write(`${summary(flows.length, options.limit, answer)}\n`);
    return;
  }
  if (flows.length > 0 && options.watch !== true)
    process.stdout.write(`${fitTable(flows, FLOW_COLUMNS, terminalWidth(), hasColours()).join('\n')}\n`);
  if (options.output === 'table') {
    const { from, to, service } = options;
    const unknown = flows.length > 0 ? '' : await unknownNames(state, { workloads: [workload, from, to], services: [service] });
    process.stderr.write(`${[summary(flows.length, options.limit, answer), unknown].filter((text) => text !== '').join('; ')}\n`);
  }
  if (options.watch === true) await followFlows(state, query, options.output, flows);
}

/** Lists what was kept, oldest first, and what comes with `-w`. */
export async function run(args: readonly string[]): Promise<void> {
  const command = addFlowOptions(
    newCommand('flows', 'Lists requests and connections that proxies told of: all that was denied or failed, and some of the rest.', [
      ['tulle flows --denied --since 10m', 'what policies refused, and which ones did'],
      ['tulle flows --from web --to payments --status 5xx', 'between two workloads'],
      ['tulle flows --id 6f0c… -o json', 'one request, as each proxy on the way saw it'],
      ['tulle flows -w', 'what there is, and what comes'],
    ]),
  )
    .option('--since <time>', 'only from then on: 10m (ago), or 2026-01-31T10:00:00Z')
    .option('--until <time>', 'only until then')
    .option('--id <id>', 'only the request with this x-request-id')
    .option('--limit <count>', 'so many at most, the newest', '100')
    .option('-w, --watch', 'go on with what comes')
    .addOption(stateDirOption())
    .addOption(outputOption(['table', 'json']))
    .action(print);
  await runCommand(command, args);
}

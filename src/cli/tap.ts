/** `tulle tap`: every request, as it happens. */
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { followFlows } from './flows/follow.ts';
import { addFlowOptions, type FlowOptions, flowQuery } from './flows/options.ts';
import { findStateDir } from './state-dir.ts';

interface Options extends FlowOptions {
  readonly header?: string;
  readonly headers?: string;
  readonly stateDir?: string;
  readonly output: 'table' | 'json';
}

async function tap(workload: string | undefined, { header, headers, stateDir, output, ...options }: Options): Promise<void> {
  const query = flowQuery(workload, options);
  query.set('tap', 'true');
  if (header !== undefined) query.set('header', header);
  if (headers !== undefined) query.set('headers', headers);
  await followFlows(findStateDir(stateDir), query, output, []);
}

/** Has the proxies concerned tell of every request until it ends. */
export async function run(args: readonly string[]): Promise<void> {
  const command = addFlowOptions(
    newCommand('tap', 'Shows every request as it happens, while it runs. Secrets do not leave the proxies.', [
      ['tulle tap', 'all of the mesh, up to 1,000 a second of each proxy'],
      ['tulle tap payments --status 5xx', 'what payments calls and answers, where it goes wrong'],
      ['tulle tap --to shop/payments --headers user-agent,x-user', 'with headers'],
      ['tulle tap web --header x-user:ann -o json', 'requests with a header, for programs'],
    ]),
  )
    .option('--header <name[:value]>', 'only requests with this header')
    .option('--headers <names>', 'headers of requests to show; those that are secret read [redacted]')
    .addOption(stateDirOption())
    .addOption(outputOption(['table', 'json']))
    .action(tap);
  await runCommand(command, args);
}

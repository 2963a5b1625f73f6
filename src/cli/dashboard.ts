/** `tulle dashboard`: where the dashboard of a running mesh is, and a browser on it. */
import { spawn } from 'node:child_process';
import { Option } from 'commander';
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError } from './errors.ts';
import { isObject, textOf } from './json.ts';
import { findStateDir, type StateDir } from './state-dir.ts';

interface Options {
  readonly stateDir?: string;
  readonly page: string;
  readonly open?: true;
  readonly output: 'text' | 'json';
}

const PAGES = ['graph', 'services', 'workloads', 'tap', 'denials', 'explain', 'analysis', 'control'] as const;
const OPENERS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' };

/** Where a running control plane serves it; undefined: nowhere. Throws CliError where no control plane answers. */
export async function findDashboard(state: StateDir): Promise<{ readonly url: string; readonly asksForToken: boolean } | undefined> {
  const answer = await callControl(state, '/api/dashboard');
  const found = isObject(answer) ? answer['dashboard'] : undefined;
  return isObject(found) ? { url: textOf(found['url']), asksForToken: found['asksForToken'] === true } : undefined;
}

async function openBrowser(url: string): Promise<void> {
  const opener = OPENERS[process.platform];
  if (opener === undefined) throw new CliError('no browser can be opened on this system', `open ${url}`);
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new CliError(`${opener} cannot be started: ${cause.message}`, `open ${url}`, { cause })));
  });
  child.unref();
}

async function print(options: Options): Promise<void> {
  const found = await findDashboard(findStateDir(options.stateDir));
  if (found === undefined)
    throw new CliError('the control plane serves no dashboard', 'begin it with --dashboard-address auto, as tulle up does by itself');
  const url = options.page === 'graph' ? found.url : new URL(options.page, found.url).href;
  process.stdout.write(options.output === 'json' ? `${JSON.stringify({ ...found, url })}\n` : `${url}\n`);
  if (found.asksForToken && options.output === 'text') process.stderr.write('it asks for the token of --dashboard-token-file\n');
  if (options.open === true) await openBrowser(url);
}

/** Prints the dashboard's address. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('dashboard', 'Prints where the dashboard of the running mesh is, and opens it in a browser where asked to.', [
    ['tulle dashboard', 'its address'],
    ['tulle dashboard --open', 'in a browser'],
    ['tulle dashboard --page tap --open', 'the page of live requests'],
    ['ssh -L 15080:127.0.0.1:15080 host', 'to see that of another machine, at http://127.0.0.1:15080'],
  ])
    .addOption(stateDirOption())
    .addOption(new Option('--page <page>', 'which page').choices(PAGES).default('graph'))
    .option('--open', 'open a browser')
    .addOption(outputOption(['text', 'json']))
    .action(print);
  await runCommand(command, args);
}

/** `tulle up`: a mesh on this machine, from a folder, until Ctrl-C. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Option } from 'commander';
import { messageOf } from '../core/errors.ts';
import { watchControl } from './admin-client.ts';
import { newCommand, runCommand } from './command.ts';
import { CliError } from './errors.ts';
import { certTtlOption } from './cert-ttl.ts';
import { flowMemoryArguments, flowMemoryOption } from './flows/memory-flag.ts';
import { findDashboard } from './dashboard.ts';
import { dashboardArguments, dashboardFlags, type DashboardOptions, isDashboardBuilt } from './dashboard-flags.ts';
import type { StateDir } from './state-dir.ts';
import { checkSocketPath, defaultStateDir, stateDirAt } from './state-dir.ts';
import { startControlPlane } from './up/control-plane.ts';
import { makeGround, MODES } from './up/ground.ts';
import type { InstanceContext } from './up/instance.ts';
import { portHolder } from './up/port-holder.ts';
import { isRunning } from './up/process-group.ts';
import { cleanLeftovers, liveRuns, RunRecord } from './up/run-record.ts';
import { Supervisor } from './up/supervisor.ts';
import { applicationUser } from './up/user.ts';
import { readWorkloads } from './up/workload-list.ts';
import { packageVersion } from './package-version.ts';

const RECONNECT_MS = 200;
const READY_POLL_MS = 100;
const SLOW_MS = 30_000;
const JOINED_GRACE_MS = 15_000;
/** A second Ctrl-C within this time is the first one, told twice. */
const SECOND_SIGNAL_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface UpOptions extends DashboardOptions {
  readonly stateDir?: string;
  readonly mode: (typeof MODES)[number];
  readonly certTtl?: number;
  readonly flowMemory?: number;
  readonly adminAddress?: string;
  readonly verbose?: true;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function prepareState(root: string): StateDir {
  const state = stateDirAt(root);
  checkSocketPath(state.adminSocket);
  for (const folder of [state.root, state.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return state;
}

/** Makes sure that nobody else runs a mesh in this state directory, and that nothing is left of one that did. */
async function takeOver(state: StateDir): Promise<void> {
  const other = liveRuns(state.runs)[0];
  if (other !== undefined) {
    throw new CliError(
      `a mesh already runs with this state directory (pid ${other.supervisor.pid})`,
      'stop it, or choose another --state-dir',
    );
  }
  const leftovers = await cleanLeftovers(state.runs);
  if (leftovers > 0) say('cleaned up after a former run that was killed');
  for (const folder of [state.proxies, state.hosts]) rmSync(folder, { recursive: true, force: true });
}

/** Resolves at the first signal to end; a later one kills everything at once. */
function ending(record: RunRecord): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      resolve(signal);
      if (firstMs !== undefined && performance.now() - firstMs > SECOND_SIGNAL_MS) {
        record.killAll();
        process.exit(130);
      }
      firstMs ??= performance.now();
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}

/** Follows what should run, across restarts of the control plane. */
async function follow(state: StateDir, supervisor: Supervisor, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const line of watchControl(state, '/api/workloads?watch=true', signal)) supervisor.reconcile(readWorkloads(line));
    } catch (error) {
      if (error instanceof CliError) say(messageOf(error));
    }
    await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Why an instance may not be ready, from its log: a port that is taken is the common case. */
function suspicion(logFile: string): string {
  if (!existsSync(logFile)) return '';
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  const taken = lines.findLast((line) => line.includes('EADDRINUSE'));
  const port = Number(/:(\d+)\b(?!.*:\d)/.exec(taken ?? '')?.[1]);
  if (taken !== undefined && port > 0) return `: port ${port} is in use by ${portHolder(port) ?? 'another process'}`;
  return `: its log ends with ${lines.at(-1) ?? 'nothing'}`;
}

async function announce(state: StateDir, supervisor: Supervisor, signal: AbortSignal): Promise<void> {
  const slowMs = performance.now() + SLOW_MS;
  let isWarned = false;
  for (;;) {
    await delay(READY_POLL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const instances = supervisor.instances();
    const waiting = instances.filter((instance) => !instance.isReady);
    if (instances.length > 0 && waiting.length === 0) {
      say(`the mesh is ready: ${instances.length} instances; tulle status --state-dir ${state.root} shows them, Ctrl-C stops them`);
      return;
    }
    if (isWarned || performance.now() < slowMs) continue;
    isWarned = true;
    for (const { name, workload } of waiting) {
      const logFile = path.join(state.logs, `${name}.${workload.namespace}.log`);
      say(`${workload.namespace}/${name} is not ready after ${SLOW_MS / 1000} s${suspicion(logFile)} (${logFile})`);
    }
  }
}

/** Ends what `tulle run` put into this mesh: it cannot go on without it. */
async function endJoined(state: StateDir): Promise<void> {
  const joined = liveRuns(state.runs).filter(({ info }) => info.role === 'run');
  for (const { supervisor } of joined) process.kill(supervisor.pid, 'SIGTERM');
  const deadlineMs = performance.now() + JOINED_GRACE_MS;
  while (joined.some(({ supervisor }) => isRunning(supervisor)) && performance.now() < deadlineMs) await delay(READY_POLL_MS);
  await cleanLeftovers(state.runs);
}

/** Where the dashboard is, or why there is none though one was asked for. */
async function sayDashboard(state: StateDir): Promise<void> {
  const found = await findDashboard(state);
  if (found === undefined) return;
  say(isDashboardBuilt() ? `the dashboard is at ${found.url}` : 'the dashboard is not built: npm run build does it');
}

async function serve(folder: string, state: StateDir, options: UpOptions, record: RunRecord, ended: Promise<unknown>): Promise<void> {
  const self = [process.execPath, path.resolve(process.argv[1] ?? '')] as const;
  const { env } = process;
  const made = await makeGround(options.mode, record, state.hosts);
  const { ground, says } = made;
  say(`Tulle ${packageVersion()}, ${says}`);
  say(`state is in ${state.root}`);
  const { certTtl, verbose, adminAddress } = options;
  const stopControl = await startControlPlane({
    folder,
    state,
    self,
    env,
    record,
    say,
    certTtlMs: certTtl,
    isVerbose: verbose === true,
    more: [
      ...dashboardArguments(options),
      ...flowMemoryArguments(options),
      ...(adminAddress === undefined ? [] : ['--admin-address', adminAddress]),
    ],
  });
  await sayDashboard(state);
  const context: InstanceContext = {
    state,
    ground,
    record,
    self,
    user: applicationUser(env),
    env,
    tell: (instance, news) => say(`${instance} ${news}`),
    onLine: options.verbose === true ? (instance, line) => say(`${instance}: ${line}`) : undefined,
    foreground: undefined,
  };
  const supervisor = new Supervisor(context, folder);
  const stopping = new AbortController();
  const tasks = [follow(state, supervisor, stopping.signal), announce(state, supervisor, stopping.signal)];
  await ended;
  say('stopping');
  stopping.abort();
  await Promise.all([supervisor.stop(), endJoined(state), ...tasks]);
  await stopControl();
  await made.close();
}

async function up(folder: string, options: UpOptions): Promise<void> {
  const root = path.resolve(folder);
  if (!existsSync(root) || !statSync(root).isDirectory()) {
    throw new CliError(`there is no folder ${folder}`, 'name a folder of YAML files, as tulle up examples/shop/mesh');
  }
  const state = prepareState(options.stateDir ?? defaultStateDir(root));
  await takeOver(state);
  const record = new RunRecord(state.runs, { role: 'up', mode: 'explicit' });
  // whatever ends this process, it does not leave a changed system behind
  process.once('exit', () => {
    record.killAll();
    record.undoAll();
  });
  const ended = ending(record);
  try {
    await serve(root, state, options, record, ended);
  } finally {
    record.killAll();
    record.undoAll();
  }
  process.exit();
}

/** Starts the mesh that a folder describes and serves until a signal. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('up', 'Starts the control plane, a proxy and a process for each workload of a folder, and watches it.', [
    ['tulle up examples/shop/mesh', 'the demo shop'],
    ['sudo tulle up . --mode transparent', 'fail where interception is not possible'],
    ['tulle up . --verbose', 'with the output of all processes'],
  ])
    .argument('<folder>', 'folder of YAML files')
    .option('--state-dir <dir>', 'where to keep sockets, certificates and logs (default: $TULLE_STATE_DIR, or .tulle in the folder)')
    .addOption(new Option('--mode <mode>', 'network namespaces, or loopback ports and HTTP_PROXY').choices(MODES).default('auto'))
    .addOption(certTtlOption())
    .addOption(flowMemoryOption())
    .option('--admin-address <host:port>', 'serve the admin API and metrics here too, on loopback: what Prometheus scrapes')
    .option('-v, --verbose', 'print the output of all processes')
    .action(up);
  for (const flag of dashboardFlags('auto')) command.addOption(flag);
  await runCommand(command, args);
}

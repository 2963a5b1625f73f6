/** `tulle run`: one more process in a running mesh, with an address, a name and an identity of its own. */
import { existsSync, mkdirSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { selectProtocol } from '../compile/dialects/protocol.ts';
import type { Workload, WorkloadPort } from '../model/workload.ts';
import { callControl } from './admin-client.ts';
import { newCommand, runCommand, stateDirOption } from './command.ts';
import { CliError, usageError } from './errors.ts';
import type { StateDir } from './state-dir.ts';
import { findStateDir } from './state-dir.ts';
import { CANNOT_START } from './up/child.ts';
import { joinGround } from './up/ground.ts';
import type { InstanceContext } from './up/instance.ts';
import { Instance } from './up/instance.ts';
import { liveRuns, RunRecord } from './up/run-record.ts';
import { applicationUser } from './up/user.ts';
import { isProxySettings, readWorkloads } from './up/workload-list.ts';
import path from 'node:path';

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

interface RunOptions {
  readonly name?: string;
  /** A WorkloadGroup of the namespace. */
  readonly group?: string;
  readonly namespace: string;
  readonly serviceAccount?: string;
  readonly port: readonly WorkloadPort[];
  readonly label: Readonly<Record<string, string>>;
  readonly stateDir?: string;
}

/** `8080`, `8080:web`, `8080:web:http`. Names choose protocols by Istio's rules. */
export function parsePort(text: string, before: readonly WorkloadPort[]): WorkloadPort[] {
  const [digits = '', name, protocol, ...more] = text.split(':');
  const number = Number(digits);
  if (!/^\d+$/.test(digits) || number < 1 || number > 65_535 || more.length > 0) {
    throw new InvalidArgumentError(`"${text}" is not PORT[:NAME[:PROTOCOL]] with a port of 1 to 65535.`);
  }
  const chosen = selectProtocol(number, name ?? '', protocol);
  if (protocol !== undefined && chosen === 'auto')
    throw new InvalidArgumentError(`"${protocol}" is not a protocol; http, grpc, tcp and tls are some.`);
  return [...before, { number, name: name ?? `port-${number}`, protocol: chosen }];
}

/** `key=value`. */
export function parseLabel(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`"${text}" is not KEY=VALUE.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function checkName(text: string): string {
  if (NAME.test(text)) return text;
  throw new InvalidArgumentError(`"${text}" must be lower-case letters, digits and "-", at most 63.`);
}

/** The WorkloadGroup that the process is one of; undefined where it is of none. */
async function groupOf(state: StateDir, { group, namespace }: RunOptions): Promise<Workload | undefined> {
  if (group === undefined) return undefined;
  const groups = readWorkloads(await callControl(state, '/api/workloads')).filter(({ origin }) => origin.kind === 'WorkloadGroup');
  const found = groups.find((each) => each.namespace === namespace && each.name === group);
  if (found !== undefined) return found;
  const known = groups.map((each) => `${each.namespace}/${each.name}`).join(', ');
  throw new CliError(`there is no WorkloadGroup ${namespace}/${group}`, known === '' ? 'the mesh has none' : `the mesh has ${known}`);
}

/** The workload that a process is; what the command line says goes before what its group says. */
export function workloadOf(options: RunOptions, name: string, command: readonly string[], group: Workload | undefined): Workload {
  const { namespace } = options;
  return {
    name,
    namespace,
    labels: { app: name, ...group?.labels, ...options.label },
    serviceAccount: options.serviceAccount ?? group?.serviceAccount ?? 'default',
    ports: options.port.length > 0 ? options.port : (group?.ports ?? []),
    replicas: 1,
    command,
    env: {},
    workingDir: '',
    readiness: group?.readiness,
    upstreams: [],
    locality: group?.locality ?? '',
    role: 'sidecar',
    isMeshed: true,
    origin: group?.origin ?? { kind: 'Workload', namespace, name, file: '', line: 0, field: '' },
  };
}

/** The settings of the workload's proxy, which the mesh's ProxyConfigs say. */
async function proxySettingsOf(state: StateDir, { namespace, labels }: Workload): Promise<Pick<Workload, 'proxy'>> {
  const query = new URLSearchParams({ namespace, labels: JSON.stringify(labels) });
  const answer = await callControl(state, `/api/proxy-settings?${query.toString()}`);
  return isProxySettings(answer) ? { proxy: answer } : {};
}

function contextOf(
  state: StateDir,
  record: RunRecord,
  info: Parameters<typeof joinGround>[0],
  onExit: (code: number) => void,
): InstanceContext {
  return {
    state,
    ground: joinGround(info, state.hosts),
    record,
    self: [process.execPath, path.resolve(process.argv[1] ?? '')],
    user: applicationUser(process.env),
    env: process.env,
    // the terminal belongs to the application
    tell: (_, news) => {
      if (news.startsWith(CANNOT_START)) process.stderr.write(`tulle: the program ${news}\n`);
    },
    onLine: undefined,
    foreground: onExit,
  };
}

async function runOne(command: readonly string[], options: RunOptions): Promise<void> {
  const name = options.name ?? options.group;
  if (name === undefined) throw usageError('the process has no name', 'give it one: --name web, or the one of its --group');
  const state = findStateDir(options.stateDir);
  const mesh = liveRuns(state.runs).find(({ info }) => info.role === 'up');
  // a control plane that runs by itself has no network to join
  const info = mesh?.info ?? { role: 'up', mode: 'explicit' };
  if (mesh === undefined && !existsSync(state.adminSocket)) {
    throw new CliError(`no mesh runs in ${state.root}`, 'start one with tulle up <folder>');
  }
  mkdirSync(state.logs, { recursive: true, mode: 0o700 });
  const record = new RunRecord(state.runs, { ...info, role: 'run' });
  const cleanUp = (): void => {
    record.killAll();
    record.undoAll();
  };
  process.once('exit', cleanUp);
  const ended = Promise.withResolvers<number>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ended.resolve(128));
  const said = workloadOf(options, name, command, await groupOf(state, options));
  const workload = { ...said, ...(await proxySettingsOf(state, said)) };
  const instance = new Instance(contextOf(state, record, info, ended.resolve), workload, `${name}-${process.pid}`, process.cwd());
  try {
    const started = instance.start();
    started.catch(ended.reject);
    process.exitCode = await ended.promise;
  } finally {
    await instance.stop(true);
    cleanUp();
  }
  process.exit();
}

/** Runs a command as a workload of a running mesh, and ends with its exit code. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('run', 'Puts one more process into a running mesh: address, proxy, identity.', [
    ['tulle run --name client -- curl -s http://payments.shop:9090', 'call a service as a client of the mesh'],
    ['tulle run --name web --port 8080:http -- node web.js', 'serve: a Service that selects app=web sends to it'],
  ])
    .option('--name <name>', "the workload's name, and its label app (default: the group's)", checkName)
    .option('--group <name>', 'a WorkloadGroup of the namespace, whose labels, ports, identity and probe it has', checkName)
    .option('--namespace <name>', 'its namespace', 'default')
    .option('--service-account <name>', 'whose identity it has (default: default)')
    .option('--port <port[:name[:protocol]]>', 'a port that it listens on; may be given more than once', parsePort, [])
    .option('--label <key=value>', 'a label; may be given more than once', parseLabel, {})
    .addOption(stateDirOption())
    .argument('<command...>', 'what to run, after --')
    .action(runOne);
  await runCommand(command, args);
}

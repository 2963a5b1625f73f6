/** The two proxies that are compared, each with an origin of its own, run from one bootstrap. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../../../src/core/testing/eventually.ts';
import { ask } from '../../../src/cli/demo/client.ts';
import { adminSocket, bootstrap, logFile, type Setup, type World } from './bootstrap.ts';
import type { Target } from './case.ts';
import type { Certificates } from './certificates.ts';
import { type Origin, startOrigin } from './origin.ts';

/** Servers that a topic needs besides the origin, such as one that authorizes; one set for each proxy. */
export interface Servers {
  /** By the names under which `World.servers` has them. */
  readonly ports: Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export interface Proxy {
  readonly origin: Origin;
  /** Where a client finds the listener. */
  target(listener: string): Target;
  /** Lines of the access log up to now, parsed. */
  log(): Promise<readonly Record<string, unknown>[]>;
  /** Counters and gauges whose names have this in them, by their names. */
  stats(part: string): Promise<Readonly<Record<string, number>>>;
  /** What the admin interface answers. */
  admin(path: string): Promise<string>;
  /** The text of a file in its folder; '' where there is none. */
  file(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** The program and its arguments, for a bootstrap's file. */
export type Command = (file: string) => readonly [program: string, ...args: string[]];

/** Tulle's command line; `TULLE_BIN` names another checkout's `bin/tulle.js`. */
export const TULLE: Command = (file) => {
  const program = path.resolve(process.env['TULLE_BIN'] ?? 'bin/tulle.js');
  return [process.execPath, program, 'proxy', '-c', file, '--log-level', 'warn'];
};

/** Envoy's command line. */
export function envoyCommand(binary: string): Command {
  const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error', '--file-flush-interval-msec', '20'];
  return (file) => [binary, '-c', file, ...flags];
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

interface ListenersJson {
  readonly listener_statuses: readonly {
    readonly name: string;
    /** Of one that is not bound, only Envoy has it; of an internal one it is of another kind. */
    readonly local_address?: { readonly socket_address?: { readonly port_value: number } };
  }[];
}

/** Ports of the listeners by their names, once the proxy is ready. */
async function listeningPorts(socketPath: string): Promise<ReadonlyMap<string, number> | undefined> {
  if ((await ask({ socketPath }, '/ready')).status !== 200) return undefined;
  const { listener_statuses: all } = JSON.parse((await ask({ socketPath }, '/listeners?format=json')).text) as ListenersJson;
  return new Map(all.map(({ name, local_address: local }) => [name, local?.socket_address?.port_value ?? 0]));
}

/** As `listeningPorts`; waits for them, no longer than the process lives. */
async function portsOf(socketPath: string, child: ChildProcess, output: () => string): Promise<ReadonlyMap<string, number>> {
  const listening = await eventually(
    async () => (child.exitCode === null ? listeningPorts(socketPath) : new Map<string, number>()),
    output,
  );
  if (listening.size === 0) throw new Error(`${child.spawnfile} ended with ${child.exitCode}: ${output()}`);
  return listening;
}

/** Reserved for a service that nobody runs (RFC 1078). */
const DEAD_PORT = 1;

/** Starts a proxy; it serves when this resolves. */
export async function startProxy(
  command: Command,
  certificates: Certificates,
  setup: (world: World) => Setup,
  startServers: (() => Promise<Servers>) | undefined,
): Promise<Proxy> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-compare-'));
  const origin = await startOrigin(certificates);
  const servers = await startServers?.();
  const ports = { dead: DEAD_PORT, ...origin.ports };
  const world: World = { ports, certificates, folder, servers: servers?.ports ?? {} };
  const file = path.join(folder, 'bootstrap.json');
  const made = setup(world);
  await writeFile(file, JSON.stringify(bootstrap(made, world), undefined, 1));
  const [program, ...args] = command(file);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const end = async (): Promise<void> => {
    await stop(child);
    await origin.close();
    await servers?.close();
    await rm(folder, { recursive: true });
  };
  const listening = await portsOf(adminSocket(world), child, () => output).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  return {
    origin,
    target(listener) {
      const secret = { root: certificates.root, ...certificates.client };
      const isPlain = made.listeners?.[listener]?.tls === undefined;
      return { port: listening.get(listener) ?? 0, ...(isPlain ? {} : { tls: secret }) };
    },
    async log() {
      const text = await readFile(logFile(world), 'utf8').catch(() => '');
      const lines = text.split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async stats(part) {
      const { text } = await ask({ socketPath: adminSocket(world) }, '/stats');
      const lines = text.split('\n').filter((line) => line.includes(part));
      return Object.fromEntries(lines.map((line) => [line.replace(/: \d+$/, ''), Number(/\d+$/.exec(line)?.[0])]));
    },
    admin: async (target) => (await ask({ socketPath: adminSocket(world) }, target)).text,
    file: (name) => readFile(path.join(folder, name), 'utf8').catch(() => ''),
    async stop() {
      await end();
      if (output !== '') process.stderr.write(output);
    },
  };
}

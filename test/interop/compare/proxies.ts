/** The two proxies that are compared, each with an origin of its own, run from one bootstrap. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { eventually, freePort, get } from '../envoy-process.ts';
import { bootstrap, type ListenerName } from './bootstrap.ts';
import { type Origin, startOrigin } from './origin.ts';

export interface Proxy {
  readonly origin: Origin;
  port(listener: ListenerName): number;
  /** Lines of the access log up to now, parsed. */
  log(): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** The program and its arguments, for a bootstrap's file. */
export type Command = (file: string) => readonly [program: string, ...args: string[]];

export const TULLE: Command = (file) => [process.execPath, path.resolve('bin/tulle.js'), 'proxy', '-c', file, '--log-level', 'warn'];

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
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

/** Ports of the listeners by their names, once the proxy is ready. */
async function listeningPorts(adminPort: number): Promise<ReadonlyMap<string, number> | undefined> {
  if ((await get(adminPort, '/ready')).status !== 200) return undefined;
  const { listener_statuses: all } = JSON.parse((await get(adminPort, '/listeners?format=json')).body) as ListenersJson;
  return new Map(all.map(({ name, local_address: local }) => [name, local.socket_address.port_value]));
}

/** Starts a proxy; it serves when this resolves. */
export async function startProxy(command: Command): Promise<Proxy> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-compare-'));
  const origin = await startOrigin();
  const ports = { admin: await freePort(), dead: await freePort(), origin: origin.port };
  const logFile = path.join(folder, 'access.log');
  const file = path.join(folder, 'bootstrap.json');
  await writeFile(file, JSON.stringify(bootstrap(ports, logFile)));
  const [program, ...args] = command(file);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const end = async (): Promise<void> => {
    await stop(child);
    await origin.close();
    await rm(folder, { recursive: true });
  };
  const listening = await eventually(
    () => listeningPorts(ports.admin),
    () => output,
  ).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  return {
    origin,
    port: (listener) => listening.get(listener) ?? 0,
    async log() {
      const text = await readFile(logFile, 'utf8').catch(() => '');
      const lines = text.split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async stop() {
      await end();
      if (output !== '') process.stderr.write(output);
    },
  };
}

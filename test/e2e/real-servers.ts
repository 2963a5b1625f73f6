/** Postgres, Redis and MariaDB as Debian has them, each in a folder of its own on loopback. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../interop/envoy-process.ts';
import type { Lifetime } from './static-proxy.ts';

const run = promisify(execFile);
const PATIENCE_MS = 120_000;

/** Whoever is root runs the servers as nobody: Postgres wants it so. */
const NOBODY = 65534;
const IDENTITY = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

const pgFolder = globSync('/usr/lib/postgresql/*/bin').at(-1) ?? '';
const PROGRAMS = [
  `${pgFolder}/postgres`,
  '/usr/bin/psql',
  '/usr/bin/redis-server',
  '/usr/bin/redis-cli',
  '/usr/sbin/mariadbd',
  '/usr/bin/mariadb',
];

/** Why tests that need the servers are skipped, or false where they are there. */
export const serversMissing: string | false = PROGRAMS.every((file) => existsSync(file))
  ? false
  : 'no servers; install them by: node tools/install-peers.ts';

function newFolder(t: Lifetime, name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `tulle-${name}-`));
  if ('uid' in IDENTITY) chownSync(folder, NOBODY, NOBODY);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function accepts(port: number, child: ChildProcess, log: () => string): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (isOpen) return;
    if (child.exitCode !== null || performance.now() > deadlineMs) throw new Error(`${child.spawnfile} does not serve:\n${log()}`);
    await sleep(20);
  }
}

async function serve(t: Lifetime, port: number, folder: string, program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], ...IDENTITY });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await accepts(port, child, () => log);
  return port;
}

/** Starts Postgres; its port. Anybody may connect as `test`. */
export async function startPostgres(t: Lifetime): Promise<number> {
  const folder = newFolder(t, 'postgres');
  const data = path.join(folder, 'data');
  await run(`${pgFolder}/initdb`, ['-D', data, '-U', 'test', '--auth=trust', '--no-sync'], { cwd: folder, ...IDENTITY });
  const port = await freePort();
  const settings = ['fsync=off', 'max_connections=20'].flatMap((setting) => ['-c', setting]);
  return serve(t, port, folder, `${pgFolder}/postgres`, ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, ...settings]);
}

/** Starts Redis; its port. */
export async function startRedis(t: Lifetime): Promise<number> {
  const folder = newFolder(t, 'redis');
  const port = await freePort();
  return serve(t, port, folder, '/usr/bin/redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]);
}

/** Starts MariaDB, which greets its clients; its port. Anybody may connect. */
export async function startMariadb(t: Lifetime): Promise<number> {
  const folder = newFolder(t, 'mariadb');
  const port = await freePort();
  const own = [
    `--datadir=${folder}`,
    `--socket=${folder}/socket`,
    `--pid-file=${folder}/pid`,
    '--skip-grant-tables',
    '--skip-networking=0',
  ];
  const light = ['--innodb=OFF', '--default-storage-engine=MEMORY', '--default-tmp-storage-engine=MEMORY', '--performance-schema=OFF'];
  return serve(t, port, folder, '/usr/sbin/mariadbd', ['--no-defaults', ...own, ...light, '--bind-address=127.0.0.1', `--port=${port}`]);
}

/** What a client prints. */
export async function output(program: string, ...args: readonly string[]): Promise<string> {
  return (await run(program, args, { maxBuffer: 64 << 20, timeout: PATIENCE_MS })).stdout;
}

/** Rows of a query by psql. */
export async function psql(port: number, query: string): Promise<readonly string[]> {
  const text = await output(
    '/usr/bin/psql',
    '-X',
    '-A',
    '-t',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-U',
    'test',
    '-d',
    'postgres',
    '-c',
    query,
  );
  return text.trimEnd().split('\n');
}

/** Rows of a query by MariaDB's client. */
export async function mariadb(port: number, query: string): Promise<readonly string[]> {
  const text = await output('/usr/bin/mariadb', '--no-defaults', '-N', '-h', '127.0.0.1', '-P', String(port), '-u', 'root', '-e', query);
  return text.trimEnd().split('\n');
}

/** Proxies as processes of one bootstrap, one after the other: for tests of restarts, drains and event loops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { ask } from '../../src/cli/demo/client.ts';
import { eventually } from '../../src/core/testing/eventually.ts';
import { root } from './harness.ts';
import type { Lifetime } from './static-proxy.ts';

/** One process. */
interface Generation {
  readonly pid: number;
  /** What it has written to stderr. */
  readonly log: () => string;
  /** Resolves with its exit code when it has ended. */
  readonly ended: Promise<number | null>;
  /** Resolves once it has written that it is live. */
  live(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface Generations {
  readonly folder: string;
  /** Starts another process, with further arguments. */
  start(...args: string[]): Generation;
  /** Writes another bootstrap, for those that are started later. */
  configure(bootstrap: JsonObject): void;
  /** Asks the admin interface of whoever has it. */
  readonly admin: (target: string, method?: string) => Promise<string>;
  /** The port of a listener. */
  port(listener: string): Promise<number>;
  /** The value of a counter or gauge; 0 where there is none. */
  stat(name: string): Promise<number>;
}

function generationOf(child: ChildProcess): Generation {
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit').then(() => child.exitCode);
  return {
    pid: child.pid ?? 0,
    log: () => log,
    ended,
    live: () =>
      eventually(
        () => / info proxy live /.test(log),
        () => `it is live\n${log}`,
      ).then(() => undefined),
    kill: (signal) => void child.kill(signal),
  };
}

/** A folder with a bootstrap; its `admin` is a Unix socket there. Whatever was started ends with the test. */
export function createGenerations(t: Lifetime, resources: (folder: string) => JsonObject, more: JsonObject = {}): Generations {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-generations-'));
  const socketPath = path.join(folder, 'admin.sock');
  const file = path.join(folder, 'bootstrap.json');
  const configure = (bootstrap: JsonObject): void => {
    writeFileSync(
      file,
      JSON.stringify({ node: { id: 'life' }, admin: { address: { pipe: { path: socketPath } } }, ...more, ...bootstrap }),
    );
  };
  configure({ static_resources: resources(folder) });
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const admin = async (target: string, method = 'GET'): Promise<string> => (await ask({ socketPath }, target, { method })).text;
  return {
    folder,
    configure,
    start(...args) {
      const program = path.join(root, 'bin/tulle.js');
      const child = spawn(process.execPath, [program, 'proxy', '-c', file, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
      children.push(child);
      return generationOf(child);
    },
    admin,
    async port(listener) {
      const found = new RegExp(`^${listener}::.*:(\\d+)$`, 'm').exec(await admin('/listeners'))?.[1];
      if (found === undefined) throw new Error(`there is no listener ${listener}`);
      return Number(found);
    },
    async stat(name) {
      const line = (await admin('/stats')).split('\n').find((each) => each.startsWith(`${name}: `));
      return Number(/: (\d+)$/.exec(line ?? '')?.[1] ?? 0);
    },
  };
}

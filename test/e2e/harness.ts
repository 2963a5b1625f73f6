/** A running mesh for tests: `tulle up` on a folder of its own, requests into it, and proof that it left nothing. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type Answer } from '../../src/cli/demo/client.ts';

export const root = path.resolve(import.meta.dirname, '../..');

/** True where transparent mode can run: Linux, root, `ip` and `nft`. */
export function canIntercept(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('sh', ['-c', 'command -v ip && command -v nft'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export type Mode = 'explicit' | 'transparent';

interface Instance {
  /** `<id>.<namespace>`, as its folder and log are named. */
  readonly id: string;
  readonly namespace: string;
  readonly workload: string;
  readonly address: string;
  readonly isReady: boolean;
  readonly ports: readonly { readonly number: number; readonly listen: number }[];
}

interface StartOptions {
  readonly example?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Further flags of `tulle up`. */
  readonly flags?: readonly string[];
}

/** A mesh under test. Its files live in `folder`, its state in `stateDir`; both go when it is stopped. */
export class TestMesh {
  readonly folder: string;
  readonly stateDir: string;
  readonly up: ChildProcess;
  output = '';

  private constructor(work: string, mode: Mode, flags: readonly string[]) {
    this.folder = path.join(work, 'mesh');
    this.stateDir = path.join(work, 'state');
    const args = ['up', this.folder, '--state-dir', this.stateDir, '--mode', mode, ...flags];
    this.up = spawn(process.execPath, [path.join(root, 'bin/tulle.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // services of the examples run `node`: the one that runs the tests
      env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}` },
    });
    for (const stream of [this.up.stdout, this.up.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  /**
   * Starts a mesh on a copy of `examples/<name>` (or of nothing), with more files written over it. Services of the
   * examples find `echo.mjs` one folder up.
   */
  static start(mode: Mode, options: StartOptions): TestMesh {
    const work = mkdtempSync(path.join(tmpdir(), 'tulle-e2e-'));
    cpSync(path.join(root, 'examples/echo.mjs'), path.join(work, 'echo.mjs'));
    const folder = path.join(work, 'mesh');
    if (options.example !== undefined) cpSync(path.join(root, 'examples', options.example), folder, { recursive: true });
    else cpSync(path.join(root, 'test/e2e/empty'), folder, { recursive: true });
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(path.join(folder, name), text);
    return new TestMesh(work, mode, options.flags ?? []);
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, name), text);
  }

  /** One call of the control plane's admin API. */
  async admin<T>(call: string): Promise<T> {
    const { text } = await ask({ socketPath: path.join(this.stateDir, 'admin.sock') }, call);
    return JSON.parse(text) as T;
  }

  async instances(workload?: string): Promise<Instance[]> {
    const { instances } = await this.admin<{ instances: Instance[] }>('/api/instances');
    return instances
      .filter((instance) => workload === undefined || instance.workload === workload)
      .map((instance) => ({ ...instance, id: `${instance.id}.${instance.namespace}` }));
  }

  /** An admin call of one instance's proxy. */
  proxy(instance: string, call: string, method = 'GET'): Promise<Answer> {
    return ask({ socketPath: path.join(this.stateDir, 'proxies', instance, 'admin.sock') }, call, { method });
  }

  log(name: string): string {
    const file = path.join(this.stateDir, 'logs', `${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Waits until `check` gives something else than undefined or false, or throws; fails with `what` and the output. */
  async until<T>(
    what: string,
    check: () => Promise<T | undefined | false> | T | undefined | false,
    times: { readonly timeoutMs?: number; readonly pollMs?: number } = {},
  ): Promise<T> {
    const { timeoutMs = 120_000, pollMs = 100 } = times;
    const until = performance.now() + timeoutMs;
    let last: unknown;
    for (;;) {
      try {
        const value = await check();
        if (value !== undefined && value !== false) return value;
      } catch (error) {
        last = error;
      }
      if (this.up.exitCode !== null || performance.now() > until)
        throw new Error(`${what}: not after ${timeoutMs} ms (${String(last)})\n${this.output.slice(-4000)}\n${this.tails()}`);
      await sleep(pollMs);
    }
  }

  /** Waits until `check` passes with all its assertions, for what arrives by and by; fails with the last that did not hold. */
  async settles(what: string, check: () => Promise<void> | void): Promise<void> {
    await this.until(what, async () => {
      await check();
      return true;
    });
  }

  /** Waits until every one of `workloads` has a ready instance. */
  async ready(...workloads: string[]): Promise<void> {
    await this.until(`${workloads.join(', ')} ready`, async () => {
      const instances = await this.instances();
      return workloads.every((name) => instances.some((instance) => instance.workload === name && instance.isReady));
    });
  }

  /** The last lines of every log, for a failure's message. */
  private tails(): string {
    const folder = path.join(this.stateDir, 'logs');
    if (!existsSync(folder)) return '';
    return readdirSync(folder)
      .map((name) => `--- ${name}\n${readFileSync(path.join(folder, name), 'utf8').slice(-600)}`)
      .join('\n');
  }

  /** Ctrl-C; resolves with the exit code once everything is down, and removes the files. */
  async stop(): Promise<number> {
    this.up.kill('SIGINT');
    if (this.up.exitCode === null) await new Promise((resolve) => this.up.once('exit', resolve));
    rmSync(path.dirname(this.folder), { recursive: true, force: true });
    return this.up.exitCode ?? 1;
  }
}

/** What a mesh could leave on the machine: namespaces, links, nft tables, and processes that name `needle`. */
export function leftovers(needle: string): string[] {
  const sh = (command: string): string[] =>
    execFileSync('sh', ['-c', `${command} 2>/dev/null || true`], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  return [
    ...sh('ip netns list').filter((line) => line.includes('tulle')),
    ...sh('ip -br link').filter((line) => /^(?:tulle|tv)\d/.test(line)),
    ...sh('nft list tables').filter((line) => line.includes('tulle')),
    ...sh('ps -eo pid,args').filter((line) => line.includes(needle) && !line.includes('ps -eo')),
  ];
}

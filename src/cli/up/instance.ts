/**
 * One instance of a workload: its place, its proxy, its application, and what its proxy is told of its health.
 *
 *   place ─▶ proxy (restarted for ever) ─ /ready ─▶ application (restarted for ever) ─▶ probe ─▶ healthcheck/ok, fail
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Workload } from '../../model/workload.ts';
import { callControl, callSocket, isOk } from '../admin-client.ts';
import { CliError } from '../errors.ts';
import { isObject, textOf } from '../json.ts';
import { PROXY_ENV, PROXY_FLAGS } from '../lean-start.ts';
import { SNAPSHOT_ENV, snapshotFlags } from '../snapshot/file.ts';
import type { StateDir } from '../state-dir.ts';
import { checkSocketPath } from '../state-dir.ts';
import { bootstrapOf } from './bootstrap.ts';
import type { Child } from './child.ts';
import { CANNOT_START, keepRunning } from './child.ts';
import { HeldRegistration } from './held-registration.ts';
import type { Ground, Place } from './place.ts';
import { checkOnce, probeUntil } from './probe.ts';
import type { RunRecord } from './run-record.ts';

const POLL_MS = 50;
const REPORT_RETRY_MS = 100;
/** How long peers get to hear that an instance takes no more calls, before it stops. */
const LEAVE_MS = 1_000;
const APP_GRACE_MS = 10_000;
/** Less than the grace that follows, so that a proxy ends by itself. */
const PROXY_DRAIN_S = 3;
const PROXY_GRACE_MS = 5_000;

export interface InstanceContext {
  readonly state: StateDir;
  readonly ground: Ground;
  readonly record: RunRecord;
  /** The program that runs `tulle`, to start proxies with: a Node and a script. */
  readonly self: readonly [string, string];
  /** Who applications run as; undefined: as this process. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Tells what happens to the instance, in a few words. */
  readonly tell: (instance: string, news: string) => void;
  /** Gets each line of output, where wanted. */
  readonly onLine: ((instance: string, line: string) => void) | undefined;
  /** The application has the terminal and is not started again: `tulle run`. Gets its exit code. */
  readonly foreground: ((code: number) => void) | undefined;
}

/** Makes the folder of a proxy with its token and bootstrap; returns the paths that its process needs. */
async function prepareProxy(
  context: InstanceContext,
  workload: Workload,
  instance: string,
  place: Place,
): Promise<{ bootstrap: string; adminSocket: string }> {
  const folder = context.state.proxy(instance, workload.namespace);
  const [bootstrap, tokenFile] = [path.join(folder, 'bootstrap.yaml'), path.join(folder, 'token')];
  const adminSocket = path.join(folder, 'admin.sock');
  checkSocketPath(adminSocket);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const body = { namespace: workload.namespace, serviceAccount: workload.serviceAccount };
  const answer = await callControl(context.state, '/api/tokens', { method: 'POST', body });
  const token = isObject(answer) ? textOf(answer['token']) : '';
  if (token === '') throw new CliError('the control plane sent no token');
  const input = { workload, instance, place, xdsSocket: context.state.xdsSocket, adminSocket, tokenFile, token };
  for (const [file, text] of [
    [tokenFile, token],
    [bootstrap, JSON.stringify(bootstrapOf(input), undefined, 2)],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 });
    chmodSync(file, 0o600);
  }
  return { bootstrap, adminSocket };
}

/** What a ProxyConfig, or the mesh's `defaultConfig`, says of how a proxy is started. */
function proxyFlags({ proxy }: Workload): string[] {
  const { concurrency, drainMs } = proxy ?? {};
  const drainS = drainMs === undefined ? PROXY_DRAIN_S : drainMs / 1000;
  return ['--drain-time-s', String(drainS), ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)])];
}

/** The last line of a log, as the end of a sentence: most often it says why a process ended. */
function lastLine(logFile: string): string {
  const line = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1) : undefined;
  return line === undefined || line === '' ? '' : `: ${line}`;
}

/** An instance, from its start to its end. */
export class Instance {
  readonly workload: Workload;
  /** `payments-v1-0`: unique in its namespace. */
  readonly name: string;
  readonly #context: InstanceContext;
  readonly #folder: string;
  readonly #stopping = new AbortController();
  #place: Place | undefined;
  #held: HeldRegistration | undefined;
  #adminSocket = '';
  #proxy: Child | undefined;
  #proxyPid: number | undefined;
  #app: Child | undefined;
  #isProxyReady = false;
  #isHealthy = false;
  #isLeaving = false;
  #reported: boolean | undefined;
  #isReporting = false;

  /** `folder` is the watched folder, which relative working directories start from. */
  constructor(context: InstanceContext, workload: Workload, name: string, folder: string) {
    this.#context = context;
    this.workload = workload;
    this.name = name;
    this.#folder = folder;
  }

  /** True while its proxy has its configuration and its application is ready. */
  get isReady(): boolean {
    return this.#isHealthy && (this.#isProxyReady || !this.workload.isMeshed);
  }

  /** IPv4 address, '' before it has one. */
  get address(): string {
    return this.#place?.addresses[0] ?? '';
  }

  /** Starts proxy and application; resolves when both have been started, which need not mean ready. */
  async start(): Promise<void> {
    this.#place = await this.#context.ground.place(this.workload);
    if (!this.workload.isMeshed) this.#held = new HeldRegistration(this.#context.state, this.workload, this.name, this.#place);
    else {
      await this.#startProxy(this.#place);
      while (!this.#isProxyReady && !this.#stopping.signal.aborted) await this.#sleep(POLL_MS);
    }
    if (this.#stopping.signal.aborted) return;
    if (this.workload.command.length === 0) this.#setHealthy(true);
    else this.#startApp(this.#place);
  }

  /** Stops both. Where it is `leaving` a mesh that goes on, peers first hear that it takes no more calls. */
  async stop(leaving: boolean): Promise<void> {
    const wasReady = this.isReady;
    this.#isLeaving = true;
    this.#setHealthy(false);
    if (leaving && wasReady) {
      if (this.workload.isMeshed) await this.#post('/healthcheck/fail');
      await delay(LEAVE_MS);
    }
    this.#stopping.abort();
    await this.#app?.stop(APP_GRACE_MS);
    await this.#held?.release();
    if (this.#isProxyReady && leaving) await this.#post('/drain_listeners?graceful');
    await this.#proxy?.stop(this.workload.proxy?.terminationDrainMs ?? PROXY_GRACE_MS);
    this.#place?.release();
    rmSync(this.#context.state.proxy(this.name, this.workload.namespace), { recursive: true, force: true });
  }

  #sleep(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #tell(news: string): void {
    this.#context.tell(`${this.workload.namespace}/${this.name}`, news);
  }

  #output(): { logFile: string } {
    return { logFile: path.join(this.#context.state.logs, `${this.name}.${this.workload.namespace}.log`) };
  }

  get #onLine(): ((line: string) => void) | undefined {
    const { onLine } = this.#context;
    return onLine === undefined ? undefined : (line) => onLine(this.name, line);
  }

  async #startProxy(place: Place): Promise<void> {
    const { bootstrap, adminSocket } = await prepareProxy(this.#context, this.workload, this.name, place);
    this.#adminSocket = adminSocket;
    const [node, script] = this.#context.self;
    const args = ['-c', bootstrap, ...proxyFlags(this.workload)];
    const env = { ...PROXY_ENV, ...this.#context.env, ...this.workload.proxy?.environment };
    const fromSnapshot = snapshotFlags({ node, script, args, env: { ...process.env, ...env } });
    this.#proxy = keepRunning({
      command: [node, ...PROXY_FLAGS, ...fromSnapshot, script, 'proxy', ...args],
      env: fromSnapshot.length === 0 ? env : { ...SNAPSHOT_ENV, ...env },
      cwd: this.#context.state.root,
      gid: place.proxyGid,
      start: place.start,
      output: this.#output(),
      onLine: this.#onLine,
      random: Math.random,
      onStart: (pid) => {
        this.#context.record.started(pid);
        void this.#awaitProxy(pid);
      },
      onExit: (how) => {
        this.#isProxyReady = false;
        this.#reported = undefined;
        this.#proxyPid = undefined;
        this.#tell(`proxy ${how}${lastLine(this.#output().logFile)}`);
        return true;
      },
      onBackoff: (ms) => this.#tell(`proxy starts again in ${ms} ms`),
    });
  }

  async #awaitProxy(pid: number): Promise<void> {
    this.#proxyPid = pid;
    const isSame = (): boolean => this.#proxyPid === pid && !this.#stopping.signal.aborted;
    while (isSame() && !(await isOk(this.#adminSocket, '/ready'))) await this.#sleep(POLL_MS);
    if (!isSame()) return;
    this.#isProxyReady = true;
    await this.#report();
  }

  #startApp(place: Place): void {
    const { foreground, record, user } = this.#context;
    const { workload } = this;
    const cwd = path.resolve(this.#folder, path.dirname(workload.origin.file), workload.workingDir);
    const env = { ...this.#context.env, ...workload.env, ...place.env };
    const identity = { uid: user?.uid, gid: user?.gid };
    let life = new AbortController();
    this.#app = keepRunning({
      command: workload.command,
      env,
      cwd,
      ...identity,
      start: place.start,
      output: foreground === undefined ? this.#output() : 'inherit',
      onLine: foreground === undefined ? this.#onLine : undefined,
      random: Math.random,
      onStart: (pid) => {
        record.started(pid);
        life = new AbortController();
        void this.#probe(life.signal, place, { cwd, env, ...identity });
      },
      onExit: (how, code) => {
        life.abort();
        this.#setHealthy(false);
        foreground?.(code);
        if (foreground === undefined || how.startsWith(CANNOT_START)) this.#tell(how);
        return foreground === undefined;
      },
      onBackoff: (ms) => this.#tell(`starts again in ${ms} ms`),
    });
    this.#stopping.signal.addEventListener('abort', () => life.abort(), { once: true });
  }

  async #probe(
    signal: AbortSignal,
    place: Place,
    process: { cwd: string; env: NodeJS.ProcessEnv; uid: number | undefined; gid: number | undefined },
  ): Promise<void> {
    const { readiness } = this.workload;
    if (readiness === undefined) return this.#setHealthy(true);
    const target = { ...process, start: place.start, connect: (port: number, timeoutMs: number) => place.connect(port, timeoutMs) };
    return probeUntil(
      signal,
      readiness,
      () => checkOnce(readiness, target),
      (isReady) => this.#setHealthy(isReady),
    );
  }

  #setHealthy(isHealthy: boolean): void {
    if (this.#isHealthy === isHealthy) return;
    this.#isHealthy = isHealthy;
    if (!this.#isLeaving) this.#tell(isHealthy ? `ready at ${this.address}` : 'not ready');
    this.#held?.report(isHealthy);
    void this.#report();
  }

  async #post(call: string): Promise<boolean> {
    try {
      return (await callSocket(this.#adminSocket, call, { method: 'POST' })).status === 200;
    } catch {
      return false;
    }
  }

  /** Tells the proxy of the newest state, until it has taken it. */
  async #report(): Promise<void> {
    if (this.#isReporting) return;
    this.#isReporting = true;
    while (this.#isProxyReady && this.#reported !== this.#isHealthy && !this.#stopping.signal.aborted) {
      const isHealthy = this.#isHealthy;
      if (await this.#post(isHealthy ? '/healthcheck/ok' : '/healthcheck/fail')) this.#reported = isHealthy;
      else await this.#sleep(REPORT_RETRY_MS);
    }
    this.#isReporting = false;
  }
}

/**
 * Makes what runs equal to what should run: starts and stops instances as workloads come, go and change. A changed
 * workload is replaced one instance at a time: the new one gets ready before the old one leaves, where the ground lets
 * both stand.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { NO_PROXY_SETTINGS, type ProxySettings } from '../../model/proxy-settings.ts';
import type { Workload } from '../../model/workload.ts';
import type { InstanceContext } from './instance.ts';
import { Instance } from './instance.ts';

const POLL_MS = 50;
/** How long a new instance may take to get ready before the one that it replaces leaves anyway. */
const REPLACE_WAIT_MS = 60_000;

interface Running {
  readonly instance: Instance;
  readonly fingerprint: string;
}

function keyOf(workload: Workload): string {
  return `${workload.namespace}/${workload.name}`;
}

/** Equal for two versions of a workload that the same process can serve. */
function fingerprintOf(workload: Workload): string {
  const { replicas: _, origin, proxy, ...rest } = workload;
  return JSON.stringify([rest, origin.file, startOf(proxy)]);
}

/** What of a proxy's settings it is started with; the rest comes to it while it runs. */
function startOf({ concurrency, drainMs, terminationDrainMs, environment }: ProxySettings = NO_PROXY_SETTINGS) {
  return { concurrency, drainMs, terminationDrainMs, environment };
}

/** Keeps the instances of all workloads. */
export class Supervisor {
  readonly #context: InstanceContext;
  readonly #folder: string;
  readonly #running = new Map<string, Running[]>();
  /** One chain of changes for each workload, so that a second edit waits for the first. */
  readonly #turns = new Map<string, Promise<void>>();
  #wanted = new Map<string, Workload>();
  #isStopping = false;

  constructor(context: InstanceContext, folder: string) {
    this.#context = context;
    this.#folder = folder;
  }

  /** Every instance that runs or starts. */
  instances(): readonly Instance[] {
    return [...this.#running.values()].flatMap((list) => list.map(({ instance }) => instance));
  }

  /** Turns towards a new list of workloads; changes go on after it returns. */
  reconcile(workloads: readonly Workload[]): void {
    this.#wanted = new Map(workloads.map((workload) => [keyOf(workload), workload]));
    for (const key of new Set([...this.#wanted.keys(), ...this.#running.keys()])) this.#queue(key);
  }

  /** Waits until the changes asked for so far are made. */
  async settled(): Promise<void> {
    await Promise.all(this.#turns.values());
  }

  /** Stops every instance. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.instances().map((instance) => instance.stop(false)));
    await this.settled();
  }

  #queue(key: string): void {
    const turn = (this.#turns.get(key) ?? Promise.resolve())
      .then(() => this.#adapt(key))
      .catch((error: unknown) => this.#context.tell(key, `failed: ${messageOf(error)}`));
    this.#turns.set(key, turn);
  }

  async #adapt(key: string): Promise<void> {
    if (this.#isStopping) return;
    const workload = this.#wanted.get(key);
    const running = this.#running.get(key) ?? [];
    if (workload === undefined) {
      await Promise.all(running.map((one) => this.#remove(key, one)));
      return;
    }
    const fingerprint = fingerprintOf(workload);
    const current = running.filter((one) => one.fingerprint === fingerprint);
    const outdated = running.filter((one) => one.fingerprint !== fingerprint);
    await Promise.all(current.slice(workload.replicas).map((one) => this.#remove(key, one)));
    const missing = Math.max(0, workload.replicas - current.length);
    const fresh = missing - Math.min(missing, outdated.length);
    await Promise.all(Array.from({ length: fresh }, () => this.#add(key, workload)));
    await Promise.all(outdated.slice(missing).map((one) => this.#remove(key, one)));
    for (const old of outdated.slice(0, missing)) await this.#replace(key, old, workload);
  }

  async #replace(key: string, old: Running, workload: Workload): Promise<void> {
    // in explicit mode, and for a gateway, the old one holds the ports that the new one needs
    const bothFit = this.#context.ground.mode === 'transparent' && workload.role === 'sidecar';
    if (!bothFit) await this.#remove(key, old);
    const instance = await this.#add(key, workload);
    if (!bothFit) return;
    const deadlineMs = performance.now() + REPLACE_WAIT_MS;
    while (!instance.isReady && performance.now() < deadlineMs && !this.#isStopping) await delay(POLL_MS);
    await this.#remove(key, old);
  }

  async #add(key: string, workload: Workload): Promise<Instance> {
    const list = this.#running.get(key) ?? [];
    const taken = new Set(list.map(({ instance }) => instance.name));
    let index = 0;
    while (taken.has(`${workload.name}-${index}`)) index++;
    const instance = new Instance(this.#context, workload, `${workload.name}-${index}`, this.#folder);
    list.push({ instance, fingerprint: fingerprintOf(workload) });
    this.#running.set(key, list);
    try {
      await instance.start();
    } catch (error) {
      if (!this.#isStopping) await this.#remove(key, { instance, fingerprint: '' });
      throw error;
    }
    return instance;
  }

  async #remove(key: string, { instance }: Running): Promise<void> {
    if (this.#isStopping) return;
    await instance.stop(true);
    const left = (this.#running.get(key) ?? []).filter((one) => one.instance !== instance);
    if (left.length === 0) this.#running.delete(key);
    else this.#running.set(key, left);
    this.#context.tell(`${instance.workload.namespace}/${instance.name}`, 'stopped');
  }
}

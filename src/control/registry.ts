/**
 * The instances that run, as their proxies' streams say. A stream that breaks leaves its instance for a short grace,
 * because proxies come back; one that says goodbye takes it along. What was known is kept on disk: a control plane
 * that starts anew begins with it, and never tells proxies that everybody has gone.
 */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import { debounce } from './debounce.ts';
import { readInstances } from './instance.ts';
import { writePrivate } from './private-file.ts';

/** Where it keeps what it knows, and for how long without a stream. */
export interface RegistryOptions {
  readonly stateDir: string;
  readonly log: Log;
  /** How long an instance stays after its stream broke. */
  readonly graceMs: number;
  /** How long an instance known from before a restart waits for its stream. */
  readonly restoreGraceMs: number;
}

interface Entry {
  instance: WorkloadInstance;
  /** The stream that speaks for it; undefined while it is awaited. */
  owner: object | undefined;
  expiry: NodeJS.Timeout | undefined;
  /** What another stream said before, which lives still: it speaks again where this one ends first, as a successor that cannot start. */
  beneath?: Entry | undefined;
}

function entriesFrom(top: Entry | undefined): readonly Entry[] {
  return top === undefined ? [] : [top, ...entriesFrom(top.beneath)];
}

const FILE = 'instances.json';
const SAVE_QUIET_MS = 100;
const SAVE_MAX_MS = 1000;

function keyOf({ namespace, id }: { readonly namespace: string; readonly id: string }): string {
  return `${namespace}/${id}`;
}

function isSame(a: WorkloadInstance, b: WorkloadInstance): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The set of instances; calls `onChange` after each change. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #onChange: () => void;
  readonly #entries = new Map<string, Entry>();
  #list: readonly WorkloadInstance[] | undefined;
  #isClosed = false;
  readonly #save = debounce(() => void this.#write(), SAVE_QUIET_MS, SAVE_MAX_MS);
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RegistryOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** Reads what a former control plane knew; each instance waits for its stream. */
  async restore(): Promise<void> {
    const { stateDir, log, restoreGraceMs } = this.#options;
    let text: string;
    try {
      text = await readFile(path.join(stateDir, FILE), 'utf8');
    } catch {
      return;
    }
    try {
      for (const instance of readInstances(JSON.parse(text))) {
        const entry: Entry = { instance, owner: undefined, expiry: undefined };
        this.#entries.set(keyOf(instance), entry);
        this.#expire(entry, restoreGraceMs);
      }
    } catch (error) {
      log.warn('the known instances cannot be read; starting without', { file: path.join(stateDir, FILE), error: messageOf(error) });
    }
    this.#list = undefined;
  }

  /** Every instance in order of namespace and id; the same list until something changes. */
  instances(): readonly WorkloadInstance[] {
    this.#list ??= [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { instance }]) => instance);
    return this.#list;
  }

  /**
   * A stream speaks for an instance. `isResuming`: the process lived on while its stream was broken, so what was known
   * of its readiness still holds; otherwise it is not ready until it says so, which `saidReady` has where it was the first
   * that it said. Throws ConfigError where a living stream with another service account has the name: a workload cannot
   * push another off its place.
   */
  register(instance: Omit<WorkloadInstance, 'isReady'>, owner: object, isResuming: boolean, saidReady?: boolean): void {
    const former = this.#entries.get(keyOf(instance));
    if (former?.owner !== undefined && former.instance.serviceAccount !== instance.serviceAccount) {
      throw new ConfigError('', `${keyOf(instance)} is an instance of the service account ${former.instance.serviceAccount}`);
    }
    clearTimeout(former?.expiry);
    const isReady = saidReady ?? (isResuming && former?.instance.isReady === true);
    const beneath = former?.owner === undefined ? undefined : former;
    const entry: Entry = { instance: { ...instance, isReady }, owner, expiry: undefined, beneath };
    this.#entries.set(keyOf(instance), entry);
    if (former === undefined || !isSame(former.instance, entry.instance)) this.#changed();
    else entry.instance = former.instance;
  }

  /** The stream says whether its instance is healthy. */
  setReady(key: { readonly namespace: string; readonly id: string }, owner: object, isReady: boolean): void {
    const top = this.#entries.get(keyOf(key));
    const entry = entriesFrom(top).find((each) => each.owner === owner);
    if (entry === undefined || entry.instance.isReady === isReady) return;
    entry.instance = { ...entry.instance, isReady };
    if (entry === top) this.#changed();
  }

  /**
   * An instance that has no stream, held by whoever puts it: it leaves where it is not put again within `leaseMs`.
   * Throws ConfigError where a living stream speaks for it.
   */
  put(instance: WorkloadInstance, leaseMs: number): void {
    const key = keyOf(instance);
    const former = this.#entries.get(key);
    if (former?.owner !== undefined) throw new ConfigError('', `the proxy of ${key} speaks for it`);
    clearTimeout(former?.expiry);
    const isKnown = former !== undefined && isSame(former.instance, instance);
    const entry: Entry = isKnown ? former : { instance, owner: undefined, expiry: undefined };
    this.#entries.set(key, entry);
    this.#expire(entry, leaseMs);
    if (!isKnown) this.#changed();
  }

  /** Takes away an instance that has no stream; false where there is none. */
  delete(key: { readonly namespace: string; readonly id: string }): boolean {
    const entry = this.#entries.get(keyOf(key));
    if (entry === undefined || entry.owner !== undefined) return false;
    clearTimeout(entry.expiry);
    this.#remove(entry);
    return true;
  }

  /** The stream ended. */
  leave(key: { readonly namespace: string; readonly id: string }, owner: object, isGoodbye: boolean): void {
    const entry = this.#entries.get(keyOf(key));
    // when we stop, everybody's stream ends
    if (entry === undefined || this.#isClosed) return;
    if (entry.owner !== owner) {
      const above = entriesFrom(entry).find((each) => each.beneath?.owner === owner);
      if (above !== undefined) above.beneath = above.beneath?.beneath;
      return;
    }
    if (entry.beneath !== undefined) {
      this.#entries.set(keyOf(key), entry.beneath);
      this.#changed();
      return;
    }
    entry.owner = undefined;
    if (isGoodbye) this.#remove(entry);
    else this.#expire(entry, this.#options.graceMs);
  }

  /** Stops the clocks and writes what is known. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { expiry } of this.#entries.values()) clearTimeout(expiry);
    this.#save.cancel();
    await this.#write();
  }

  #expire(entry: Entry, ms: number): void {
    entry.expiry = setTimeout(() => this.#remove(entry), ms);
  }

  #remove(entry: Entry): void {
    const key = keyOf(entry.instance);
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#options.log.info('instance left', { instance: key });
    this.#changed();
  }

  #changed(): void {
    this.#list = undefined;
    this.#save.trigger();
    this.#onChange();
  }

  #write(): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#writeNow())
      .catch((error: unknown) => {
        this.#options.log.error('the known instances cannot be written', { error: messageOf(error) });
      });
    return this.#writing;
  }

  async #writeNow(): Promise<void> {
    const file = path.join(this.#options.stateDir, FILE);
    await mkdir(this.#options.stateDir, { recursive: true, mode: 0o700 });
    await writePrivate(file, `${JSON.stringify(this.instances(), undefined, 1)}\n`);
  }
}

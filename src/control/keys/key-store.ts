/**
 * Keys of token issuers, fetched again and again, so that issuers can change them. What was fetched last stays until there
 * is something newer, over restarts too: an issuer that cannot be reached is no reason to refuse its tokens.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { isObject } from '../../core/object.ts';
import type { KeySet, KeySource } from '../../model/key-set.ts';
import type { Metrics } from '../metrics.ts';
import { writePrivate } from '../private-file.ts';
import { fetchKeys } from './fetch-keys.ts';

/** As often as istiod. */
const REFRESH_MS = 20 * 60 * 1000;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;
const FILE = 'token-keys.json';

/** Where keys are kept, and how they are fetched. */
export interface KeyStoreOptions {
  readonly stateDir: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Absent: over HTTP. */
  readonly fetch?: typeof fetchKeys;
}

interface Entry {
  source: KeySource;
  jwks: string;
  problem: string;
  failures: number;
  timer: NodeJS.Timeout | undefined;
  /** Resolves when the first attempt is over. */
  first: Promise<void>;
}

function isKept(value: unknown): value is { readonly url: string; readonly jwks: string } {
  return isObject(value) && typeof value['url'] === 'string' && typeof value['jwks'] === 'string';
}

/** How long after the last attempt the next one is made. */
function pauseMs(failures: number): number {
  return failures === 0 ? REFRESH_MS : Math.min(RETRY_MIN_MS * 2 ** (failures - 1), RETRY_MAX_MS);
}

/** Fetches what is wanted and keeps it. `onChange` is called where {@link KeyStore.sets} gives something else. */
export class KeyStore {
  readonly #options: KeyStoreOptions;
  readonly #onChange: () => void;
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();
  /** What was fetched before, by URL, also of what is not wanted now. */
  readonly #kept = new Map<string, string>();
  readonly #successes: ReturnType<Metrics['counter']>;
  readonly #failures: ReturnType<Metrics['counter']>;
  #sets: readonly KeySet[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(options: KeyStoreOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
    this.#successes = options.metrics.counter('pilot_jwks_resolver_network_fetch_success_total', 'Key sets of token issuers fetched.', [
      {},
    ]);
    this.#failures = options.metrics.counter('pilot_jwks_resolver_network_fetch_fail_total', 'Key sets that could not be fetched.', [{}]);
  }

  /** Reads what was fetched before a restart. */
  async restore(): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch(() => '[]');
    try {
      const kept: unknown = JSON.parse(text);
      for (const each of Array.isArray(kept) ? kept.filter(isKept) : []) this.#kept.set(each.url, each.jwks);
    } catch (error) {
      this.#options.log.warn('kept keys of token issuers cannot be read', { file: this.#file, error: messageOf(error) });
    }
  }

  /** What is known of each address that is wanted and was tried; the same list until it changes. */
  sets(): readonly KeySet[] {
    return this.#sets;
  }

  /** Fetches these from now on, and no others. */
  want(sources: readonly KeySource[]): void {
    const wanted = new Map(sources.map((source) => [source.url, source]));
    for (const [url, entry] of this.#entries) {
      if (wanted.has(url)) continue;
      clearTimeout(entry.timer);
      this.#entries.delete(url);
      this.#kept.delete(url);
    }
    for (const source of sources) {
      const known = this.#entries.get(source.url);
      if (known === undefined) this.#begin(source);
      else known.source = source;
    }
    this.#update();
  }

  /** Resolves once every address was tried, or after `maxMs`. */
  async tried(maxMs: number): Promise<void> {
    if (this.#entries.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, maxMs);
    await Promise.race([Promise.all([...this.#entries.values()].map(({ first }) => first)), promise]);
    clearTimeout(timer);
  }

  /** Stops fetching; resolves once everything is on disk. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
    this.#entries.clear();
    await this.#writing;
  }

  get #file(): string {
    return path.join(this.#options.stateDir, FILE);
  }

  #begin(source: KeySource): void {
    const jwks = this.#kept.get(source.url) ?? '';
    const entry: Entry = { source, jwks, problem: '', failures: 0, timer: undefined, first: Promise.resolve() };
    this.#entries.set(source.url, entry);
    entry.first = this.#attempt(entry);
  }

  async #attempt(entry: Entry): Promise<void> {
    const { fetch = fetchKeys, log } = this.#options;
    const { url } = entry.source;
    try {
      entry.jwks = await fetch(entry.source, this.#stop.signal);
      if (entry.problem !== '') log.info('the keys of a token issuer are there again', { url });
      entry.problem = '';
      entry.failures = 0;
      this.#successes.add();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const problem = messageOf(error);
      if (problem !== entry.problem) log.warn('the keys of a token issuer cannot be fetched', { url, problem, kept: entry.jwks !== '' });
      entry.problem = problem;
      entry.failures += 1;
      this.#failures.add();
    }
    if (this.#entries.get(url) !== entry) return;
    entry.timer = setTimeout(() => void this.#attempt(entry), pauseMs(entry.failures)).unref();
    this.#update();
  }

  /** Makes the list anew where something of it changed. */
  #update(): void {
    const former = new Map(this.#sets.map((set) => [set.url, set]));
    const known = [...this.#entries.values()].filter(({ jwks, problem }) => jwks !== '' || problem !== '');
    const sets = known.map(({ source: { url }, jwks, problem }): KeySet => {
      const last = former.get(url);
      return last !== undefined && last.jwks === jwks && last.problem === problem ? last : { url, jwks, problem };
    });
    if (sets.length === former.size && sets.every((set) => former.get(set.url) === set)) return;
    this.#sets = sets;
    for (const { url, jwks } of sets) if (jwks !== '') this.#kept.set(url, jwks);
    this.#write();
    this.#onChange();
  }

  #write(): void {
    const body = JSON.stringify([...this.#kept].map(([url, jwks]) => ({ url, jwks })));
    this.#writing = this.#writing.then(async () => {
      try {
        await writePrivate(this.#file, body);
      } catch (error) {
        this.#options.log.warn('keys of token issuers cannot be kept', { file: this.#file, error: messageOf(error) });
      }
    });
  }
}

/**
 * One name that is resolved again and again:
 *
 *   ask ──▶ answer ──(refresh rate, or the answer's TTL, and jitter)──▶ ask
 *      └──▶ failure ──(failure refresh rate, growing)──▶ ask
 */
import { timerMs } from '../../../core/timer-limit.ts';
import type { Random } from '../../../core/clock.ts';
import type { AddressFamily, NameResolver, Resolution } from './resolver.ts';

/** When a name is asked for again. */
export interface RefreshSettings {
  readonly family: AddressFamily;
  readonly refreshMs: number;
  /** The least that a TTL may come to. */
  readonly minRefreshMs: number;
  /** True: the answer's TTL takes the place of `refreshMs`, where it is above 0. */
  readonly respectsTtl: boolean;
  /** Up to so much is added to each wait, at random. */
  readonly jitterMs: number;
  /** Waits after failures: at random up to `baseMs`, then up to twice that, and so on to `maxMs`; absent: `refreshMs`. */
  readonly failure: { readonly baseMs: number; readonly maxMs: number } | undefined;
}

export interface WatchScope {
  readonly resolver: NameResolver;
  readonly random: Random;
  onAsk?(): void;
  /** An answer, perhaps without addresses. */
  onAnswer(answer: Resolution): void;
  /** No answer: what was known before stays. */
  onFailure(error: unknown): void;
}

export class NameWatch {
  readonly name: string;
  readonly #settings: RefreshSettings;
  readonly #scope: WatchScope;
  #timer: NodeJS.Timeout | undefined;
  #failureMs: number;
  #isClosed = false;

  /** Asks at once. */
  constructor(name: string, settings: RefreshSettings, scope: WatchScope) {
    this.name = name;
    this.#settings = settings;
    this.#scope = scope;
    this.#failureMs = settings.failure?.baseMs ?? 0;
    void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    const scope = this.#scope;
    const { family, respectsTtl } = this.#settings;
    scope.onAsk?.();
    let waitMs: number;
    let tell: () => void;
    try {
      const answer = await scope.resolver.resolve(this.name, family, respectsTtl);
      waitMs = this.#waitAfter(answer);
      this.#failureMs = this.#settings.failure?.baseMs ?? 0;
      tell = () => scope.onAnswer(answer);
    } catch (error) {
      waitMs = this.#waitAfterFailure();
      tell = () => scope.onFailure(error);
    }
    if (this.#isClosed) return;
    // first the timer: whoever is told may close this
    this.#timer = setTimeout(() => void this.#ask(), timerMs(waitMs)).unref();
    tell();
  }

  #waitAfter({ ttlMs }: Resolution): number {
    const { respectsTtl, refreshMs, minRefreshMs, jitterMs } = this.#settings;
    const usesTtl = respectsTtl && ttlMs !== undefined && ttlMs > 0;
    return (usesTtl ? Math.max(minRefreshMs, ttlMs) : refreshMs) + this.#scope.random() * jitterMs;
  }

  #waitAfterFailure(): number {
    const { failure, refreshMs } = this.#settings;
    if (failure === undefined) return refreshMs;
    const limitMs = this.#failureMs;
    this.#failureMs = Math.min(2 * limitMs, failure.maxMs);
    return Math.max(1, this.#scope.random() * limitMs);
  }
}

/**
 * Tokens whose signature has been verified. Checking one costs more than the rest of a request, and a client sends the
 * same one many times; but most of the tokens of a busy service may be sent once, so that a token is only kept when it
 * is seen for the second time.
 */
import type { Jwt } from './jwt.ts';

const SIGHTINGS = 4096;

/** 32 bits of FNV-1a: only what decides whether a token is kept. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

interface Entry {
  readonly jwt: Jwt;
  /** It was asked for since it was last looked at: it gets another chance. */
  isUsed: boolean;
}

export class TokenCache {
  readonly #maxTokens: number;
  readonly #maxChars: number;
  readonly #keepsFirst: boolean;
  /** Those that were looked at longest ago come first. */
  readonly #tokens = new Map<string, Entry>();
  #generation = 0;
  /** Hashes of tokens that were verified once, each at a place that it gives itself. */
  #seen: Int32Array | undefined = undefined;

  /** `keepsFirst`: without waiting for a second sighting, as Envoy's cache where it is configured. */
  constructor(maxTokens: number, maxChars: number, keepsFirst: boolean) {
    this.#maxTokens = maxTokens;
    this.#maxChars = maxChars;
    this.#keepsFirst = keepsFirst;
  }

  /** A verified token. */
  get(text: string): Jwt | undefined {
    const entry = this.#tokens.get(text);
    if (entry === undefined) return undefined;
    entry.isUsed = true;
    return entry.jwt;
  }

  /** Counts how often the keys have changed. */
  get generation(): number {
    return this.#generation;
  }

  /** A token has been verified by the keys of a generation. */
  add(jwt: Jwt, generation: number): void {
    if (generation !== this.#generation) return;
    if (jwt.text.length > this.#maxChars || this.#maxTokens === 0) return;
    if (!this.#keepsFirst && !this.#isSecondSighting(jwt.text)) return;
    if (this.#tokens.size >= this.#maxTokens) this.#forgetOne();
    this.#tokens.set(jwt.text, { jwt, isUsed: false });
  }

  /** The first that was not used since it was looked at; those before it go to the end. */
  #forgetOne(): void {
    for (const [text, entry] of this.#tokens) {
      this.#tokens.delete(text);
      if (!entry.isUsed) return;
      entry.isUsed = false;
      this.#tokens.set(text, entry);
    }
  }

  /** The keys are others now. */
  clear(): void {
    this.#generation++;
    this.#tokens.clear();
  }

  #isSecondSighting(text: string): boolean {
    const seen = (this.#seen ??= new Int32Array(SIGHTINGS));
    const hash = hashOf(text);
    const at = (hash >>> 0) % SIGHTINGS;
    if (seen[at] === hash) return true;
    seen[at] = hash;
    return false;
  }
}

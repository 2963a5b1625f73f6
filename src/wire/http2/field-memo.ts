/**
 * What is remembered of text that peers choose: a bounded number of values, and only of text that came before. A client
 * that sends another value each time costs a hash of it, and pushes nothing out.
 */
import { ownText } from './field.ts';

const MAX_ENTRIES = 2048;
const MAX_KEY_LENGTH = 512;
const SEEN_SLOTS = 4096;

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Two generations: a value stays while it is asked for at least once in every `MAX_ENTRIES` new ones. */
export class FieldMemo<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  /** Hashes of text that has come once. */
  readonly #seen = new Int32Array(SEEN_SLOTS);

  get(key: string): T | undefined {
    const value = this.#young.get(key);
    if (value !== undefined || this.#old.size === 0) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** Whether a key without a value has come before, and is worth one. */
  isKnown(key: string): boolean {
    if (key.length > MAX_KEY_LENGTH) return false;
    const hash = hashOf(key);
    const slot = hash & (SEEN_SLOTS - 1);
    if (this.#seen[slot] === hash) return true;
    this.#seen[slot] = hash;
    return false;
  }

  set(key: string, value: T): void {
    if (this.#young.size >= MAX_ENTRIES) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(ownText(key), value);
  }
}

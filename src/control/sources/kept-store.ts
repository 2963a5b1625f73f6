/**
 * Keeps the texts in force on disk, so that a control plane that starts over a broken file serves its last good
 * version. One file each, written anew only where it changed; only the owner may read them, since Secrets are among them.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { changedKeys } from '../../core/patched-map.ts';
import { isObject } from '../../core/object.ts';
import { bulkDelay } from '../bulk-delay.ts';
import { writePrivate } from '../private-file.ts';
import type { KeptText, KeptTexts } from './last-good.ts';

const FOLDER = 'last-good';

function isKeptText(value: unknown): value is KeptText {
  return isObject(value) && typeof value['text'] === 'string' && Array.isArray(value['keys']);
}

function isKept(value: unknown): value is { readonly file: string; readonly texts: readonly KeptText[] } {
  return isObject(value) && typeof value['file'] === 'string' && Array.isArray(value['texts']) && value['texts'].every(isKeptText);
}

function nameOf(file: string): string {
  return `${createHash('sha256').update(file).digest('hex')}.json`;
}

/** The texts in force on disk, in `<stateDir>/last-good`. */
export class KeptStore {
  readonly #folder: string;
  readonly #log: Log;
  /** What each file on disk holds, by its name. */
  #written = new Map<string, string>();
  /** Texts of which it is known that they are on disk. */
  #settled: KeptTexts = new Map();
  readonly #closing = new AbortController();
  #last: KeptTexts | undefined;
  #next: KeptTexts | undefined;
  #writing: Promise<void> | undefined;

  constructor(stateDir: string, log: Log) {
    this.#folder = path.join(stateDir, FOLDER);
    this.#log = log;
  }

  /** What was kept; nothing where there is none. A file that cannot be read is left out. */
  async read(): Promise<KeptTexts> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const kept = new Map<string, readonly KeptText[]>();
    for (const name of (await readdir(this.#folder)).toSorted()) {
      try {
        const body = await readFile(path.join(this.#folder, name), 'utf8');
        const value: unknown = JSON.parse(body);
        if (!isKept(value)) throw new Error('not a kept text');
        kept.set(value.file, value.texts);
        this.#written.set(name, body);
      } catch (error) {
        this.#log.warn('a last good version cannot be read', { file: path.join(this.#folder, name), error: messageOf(error) });
      }
    }
    return kept;
  }

  /** Writes what is in force now, soon; of several calls the last counts. */
  keep(kept: KeptTexts): void {
    if (kept === this.#last) return;
    this.#last = kept;
    this.#next = kept;
    this.#writing ??= this.#writeAll().catch((error: unknown) => {
      this.#writing = undefined;
      // the next mesh is another try, whether it has other texts or not
      this.#last = undefined;
      this.#log.warn('the last good versions cannot be kept', { error: messageOf(error) });
    });
  }

  /** Resolves once everything is on disk. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== undefined) {
      const next = this.#next;
      this.#next = undefined;
      await this.#write(next);
    }
    this.#writing = undefined;
  }

  async #write(kept: KeptTexts): Promise<void> {
    const changed = changedKeys(this.#settled, kept);
    const fresh = changed.filter((file) => kept.has(file) && !this.#written.has(nameOf(file)));
    await bulkDelay(fresh.length, this.#closing.signal);
    for (const file of changed) {
      const texts = kept.get(file);
      if (texts !== undefined) await this.#writeFile(nameOf(file), JSON.stringify({ file, texts }));
    }
    this.#settled = kept;
    if (this.#written.size === kept.size) return;
    const wanted = new Set([...kept.keys()].map(nameOf));
    for (const name of this.#written.keys()) {
      if (wanted.has(name)) continue;
      await rm(path.join(this.#folder, name), { force: true });
      this.#written.delete(name);
    }
  }

  async #writeFile(name: string, body: string): Promise<void> {
    if (this.#written.get(name) === body) return;
    await writePrivate(path.join(this.#folder, name), body);
    this.#written.set(name, body);
  }
}

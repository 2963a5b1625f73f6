/**
 * Versions of what was applied on disk, in `<stateDir>/history`: a record each, and every text once under its digest,
 * since most files are the same from version to version. Only the owner may read them: Secrets are among the texts.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { isObject } from '../../core/object.ts';
import type { FileTexts } from '../sources/files.ts';
import { bulkDelay } from '../bulk-delay.ts';
import { writePrivate } from '../private-file.ts';
import { CAUSES, fileDigests, textDigest, type Version, VERSION_STATES } from './version.ts';

/** True for what `JSON.stringify` wrote of a version. */
function isVersion(value: unknown): value is Version {
  if (!isObject(value)) return false;
  const texts = ['by', 'message', 'reason'].every((key) => typeof value[key] === 'string');
  const numbers = ['number', 'createdAtMs', 'refused'].every((key) => Number.isSafeInteger(value[key]));
  const words = VERSION_STATES.some((each) => each === value['state']) && CAUSES.some((each) => each === value['cause']);
  return texts && numbers && words && Array.isArray(value['changes']) && isObject(value['files']);
}

/** The files of one state directory's history. Calls follow each other; who reads waits for what was written before. */
export class HistoryStore {
  readonly #folder: string;
  readonly #log: Log;
  #last: Promise<unknown> = Promise.resolve();
  /** Digests of texts that are on disk. */
  readonly #kept = new Set<string>();
  readonly #closing = new AbortController();

  constructor(stateDir: string, log: Log) {
    this.#folder = path.join(stateDir, 'history');
    this.#log = log;
  }

  /** All versions in order, and the state that was kept with them. What cannot be read is left out. */
  async read(): Promise<{ readonly versions: readonly Version[]; readonly state: unknown }> {
    await mkdir(path.join(this.#folder, 'texts'), { recursive: true, mode: 0o700 });
    for (const digest of await readdir(path.join(this.#folder, 'texts'))) this.#kept.add(digest);
    const names = (await readdir(this.#folder)).filter((name) => /^\d+\.json$/.test(name));
    const read = await Promise.all(names.map((name) => this.#json(name)));
    const versions = read.filter(isVersion).toSorted((a, b) => a.number - b.number);
    return { versions, state: await this.#json('state.json') };
  }

  /** Writes versions, with the texts of those that are new, and the state; soon, and in order. */
  write(versions: readonly Version[], texts: FileTexts, state: unknown): void {
    this.#next('versions cannot be kept', async () => {
      const digests = fileDigests(texts);
      const fresh = [...texts].filter(([file]) => !this.#kept.has(digests[file] ?? ''));
      await bulkDelay(fresh.length, this.#closing.signal);
      for (const [file, text] of fresh) await this.#putText(digests[file] ?? textDigest(text), text);
      for (const version of versions) await this.#put(`${version.number}.json`, JSON.stringify(version));
      await this.#put('state.json', JSON.stringify(state));
    });
  }

  /** Forgets versions, and the texts that none of `left` has. */
  forget(numbers: readonly number[], left: readonly Version[]): void {
    this.#next('old versions cannot be removed', async () => {
      for (const number of numbers) await rm(path.join(this.#folder, `${number}.json`), { force: true });
      const used = new Set(left.flatMap(({ files }) => Object.values(files)));
      for (const digest of await readdir(path.join(this.#folder, 'texts'))) {
        if (used.has(digest)) continue;
        await rm(path.join(this.#folder, 'texts', digest), { force: true });
        this.#kept.delete(digest);
      }
    });
  }

  /** The texts of a version, in order of path. Rejects where one is gone, or is not what it was. */
  async texts({ files }: Version): Promise<FileTexts> {
    await this.#last;
    const entries = Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const read = entries.map(async ([file, digest]): Promise<[string, string]> => {
      const text = await readFile(path.join(this.#folder, 'texts', digest), 'utf8');
      if (textDigest(text) !== digest) throw new Error(`the kept text of ${file} is damaged`);
      return [file, text];
    });
    return new Map(await Promise.all(read));
  }

  /** Resolves once everything is on disk. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#last;
  }

  #next(trouble: string, run: () => Promise<void>): void {
    this.#last = this.#last.then(run).catch((error: unknown) => this.#log.warn(trouble, { folder: this.#folder, error: messageOf(error) }));
  }

  /** A text that is there stays: its name says what it holds. */
  async #putText(digest: string, text: string): Promise<void> {
    if (this.#kept.has(digest)) return;
    await this.#put(path.join('texts', digest), text);
    this.#kept.add(digest);
  }

  async #put(name: string, body: string): Promise<void> {
    await writePrivate(path.join(this.#folder, name), body);
  }

  async #json(name: string): Promise<unknown> {
    try {
      const value: unknown = JSON.parse(await readFile(path.join(this.#folder, name), 'utf8'));
      return value;
    } catch (error) {
      if (name !== 'state.json') this.#log.warn('a version cannot be read', { name, error: messageOf(error) });
      return undefined;
    }
  }
}

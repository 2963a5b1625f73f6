/**
 * Versions of what was applied on disk, in `<stateDir>/history`: a record each, the lists of files that they share, and
 * every text once under its digest, since most files are the same from version to version. Only the owner may read them:
 * Secrets are among the texts.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { changedKeys } from '../../core/patched-map.ts';
import type { FileTexts } from '../sources/files.ts';
import { bulkDelay } from '../bulk-delay.ts';
import { writePrivate } from '../private-file.ts';
import { type FileDigests, fileDigests, textDigest } from './digests.ts';
import { listOf, readList, readVersion, recordOf, usedDigests } from './record.ts';
import type { Version } from './version.ts';

/** So many versions are forgotten before texts are looked for that no version has. */
const FORGOTTEN_MAX = 10;

const NO_TEXTS: FileTexts = new Map();

/** The files of one state directory's history. Calls follow each other; who reads waits for what was written before. */
export class HistoryStore {
  readonly #folder: string;
  readonly #log: Log;
  #last: Promise<unknown> = Promise.resolve();
  /** Digests of texts that are on disk. */
  readonly #kept = new Set<string>();
  /** Those that were written last. */
  #written: FileTexts = NO_TEXTS;
  /** Names of lists that are on disk. */
  readonly #lists = new Map<FileDigests, string>();
  /** All versions that are on disk, or on their way. */
  readonly #versions = new Map<number, Version>();
  /** Versions that are gone, of which texts may still be there. */
  #forgotten = 0;
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
    const lists = new Map<string, Promise<FileDigests | undefined>>();
    const listNamed = (name: string): Promise<FileDigests | undefined> => {
      const list = lists.get(name) ?? this.#list(name);
      lists.set(name, list);
      return list;
    };
    const read = await Promise.all(names.map(async (name) => readVersion(await this.#json(name), listNamed)));
    const versions = read.filter((version) => version !== undefined).toSorted((a, b) => a.number - b.number);
    for (const version of versions) this.#versions.set(version.number, version);
    return { versions, state: await this.#json('state.json') };
  }

  /** Writes versions, with the texts of those that are new, and the state; soon, and in order. */
  write(versions: readonly Version[], texts: FileTexts, state: unknown): void {
    for (const version of versions) this.#versions.set(version.number, version);
    this.#next('versions cannot be kept', async () => {
      if (texts.size > 0) await this.#putTexts(texts);
      for (const version of versions) await this.#put(`${version.number}.json`, recordOf(version, await this.#listFor(version)));
      await this.#put('state.json', JSON.stringify(state));
    });
  }

  /** Forgets versions, and sooner or later what no other has. */
  forget(numbers: readonly number[]): void {
    for (const number of numbers) this.#versions.delete(number);
    this.#forgotten += numbers.length;
    this.#next('old versions cannot be removed', async () => {
      for (const number of numbers) await rm(path.join(this.#folder, `${number}.json`), { force: true });
      if (this.#forgotten >= FORGOTTEN_MAX) await this.#sweep();
    });
  }

  /** The texts of a version, in order of path. Rejects where one is gone, or is not what it was. */
  async texts({ files }: Version): Promise<FileTexts> {
    await this.#last;
    const entries = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
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
    if (this.#forgotten > 0) this.#next('old versions cannot be removed', () => this.#sweep());
    await this.#last;
  }

  #next(trouble: string, run: () => Promise<void>): void {
    this.#last = this.#last.then(run).catch((error: unknown) => this.#log.warn(trouble, { folder: this.#folder, error: messageOf(error) }));
  }

  /** The texts that are not those of the last time. */
  async #putTexts(texts: FileTexts): Promise<void> {
    const digests = fileDigests(texts);
    const fresh = changedKeys(this.#written, texts).filter((file) => texts.has(file) && !this.#kept.has(digests.get(file) ?? ''));
    await bulkDelay(fresh.length, this.#closing.signal);
    for (const file of fresh) {
      const text = texts.get(file) ?? '';
      await this.#putText(digests.get(file) ?? textDigest(text), text);
    }
    this.#written = texts;
  }

  /** The name of a version's list, which is on disk then. */
  async #listFor(version: Version): Promise<string | undefined> {
    const list = listOf(version);
    const known = list && this.#lists.get(list);
    if (list === undefined || known !== undefined) return known;
    const body = JSON.stringify(Object.fromEntries(list));
    const name = `files-${textDigest(body).slice(0, 16)}.json`;
    await this.#put(name, body);
    this.#lists.set(list, name);
    return name;
  }

  async #list(name: string): Promise<FileDigests | undefined> {
    const list = readList(await this.#json(name));
    if (list !== undefined) this.#lists.set(list, name);
    return list;
  }

  /** Removes texts and lists that no version has. */
  async #sweep(): Promise<void> {
    this.#forgotten = 0;
    const used = usedDigests(this.#versions.values());
    for (const digest of this.#kept) {
      if (used.has(digest)) continue;
      await rm(path.join(this.#folder, 'texts', digest), { force: true });
      this.#kept.delete(digest);
    }
    const lists = new Set([...this.#versions.values()].map(listOf));
    for (const list of this.#lists.keys()) if (!lists.has(list)) this.#lists.delete(list);
    const names = new Set(this.#lists.values());
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith('files-') && !names.has(name)) await rm(path.join(this.#folder, name), { force: true });
    }
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

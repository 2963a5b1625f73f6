/**
 * A folder of YAML files, watched. Events of the system only say that it is time to look again: the truth is always
 * the folder's content, so that editors that write a new file and rename it, partial writes and lost events all end
 * well. A slow look without any event catches what file systems without events (network mounts) change.
 */
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { patchedMap } from '../../core/patched-map.ts';
import { debounce } from '../debounce.ts';

/** Texts by path relative to the folder, in order of path. */
export type FileTexts = ReadonlyMap<string, string>;

/** Which folder, and how it is watched. */
export interface FolderOptions {
  readonly folder: string;
  /** Absolute paths below the folder that are none of ours. */
  readonly ignore: readonly string[];
  /** Quiet time after an event before looking, and the longest wait. */
  readonly quietMs: number;
  readonly maxMs: number;
  /** How often to look without an event. */
  readonly pollMs: number;
  readonly log: Log;
}

/** A folder that is watched. */
export interface FolderSource {
  /** What the folder held when last looked at. */
  readonly texts: FileTexts;
  close(): void;
}

/** Largest file read, in bytes. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** How much longer than a look the time between looks is. */
const POLL_SHARE = 100;

interface Found {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** Folders that are there and could not be looked into. */
  readonly unread: readonly string[];
}

/** True for what is not there any more; any other error may pass, and is no reason to take something out of the mesh. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** Tells of what is wrong with a file or folder once, until it is over. */
interface Troubles {
  tell(file: string, message: string, fields: Readonly<Record<string, string | number>>): void;
  over(file: string): void;
}

function createTroubles(log: Log): Troubles {
  const told = new Set<string>();
  return {
    tell(file, message, fields) {
      if (told.has(file)) return;
      told.add(file);
      log.warn(message, { file, ...fields });
    },
    over: (file) => void told.delete(file),
  };
}

function isIgnored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith('.');
}

/** Files and folders below `folder`; what vanishes meanwhile is left out. */
async function scan(folder: string, ignore: readonly string[], troubles: Troubles): Promise<Found> {
  const files: string[] = [];
  const folders = [folder];
  const unread: string[] = [];
  for (let at = 0; at < folders.length; at += 1) {
    const current = folders[at] ?? folder;
    // the root must be there; below it, things come and go
    const entries = await readdir(current, { withFileTypes: true }).catch((error: unknown) => {
      if (current === folder) throw error;
      if (isGone(error)) return [];
      unread.push(current);
      troubles.tell(current, 'a folder cannot be read; its former content stays', { error: messageOf(error) });
      return undefined;
    });
    if (entries === undefined) continue;
    troubles.over(current);
    for (const entry of entries) {
      const full = path.join(current, entry.name);
      if (ignore.includes(full)) continue;
      if (entry.isDirectory() && !isIgnored(entry.name)) folders.push(full);
      else if (!entry.isDirectory() && isYaml(entry.name)) files.push(full);
    }
  }
  return { files: files.toSorted(), folders, unread };
}

interface Cached {
  /** Its path relative to the folder. */
  readonly name: string;
  readonly stamp: string;
  readonly text: string;
}

/** Small files, of which there are many: waiting for each costs ten times what reading it does. */
function readCached(folder: string, file: string, former: Cached | undefined, troubles: Troubles): Cached | undefined {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(file);
    const stamp = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
    if (former?.stamp === stamp) return former;
    if (size > FILE_BYTES_MAX) {
      troubles.tell(file, 'a file is too large; its former content stays', { bytes: size, bytesMax: FILE_BYTES_MAX });
      return former;
    }
    const text = readFileSync(file, 'utf8');
    troubles.over(file);
    return { name: former?.name ?? path.relative(folder, file), stamp, text };
  } catch (error) {
    if (isGone(error)) return undefined;
    troubles.tell(file, 'a file cannot be read; its former content stays', { error: messageOf(error) });
    return former;
  }
}

/** Files looked at without giving others their turn: about a millisecond. */
const TURN_FILES = 100;

async function readAll(
  folder: string,
  files: readonly string[],
  former: ReadonlyMap<string, Cached>,
  troubles: Troubles,
): Promise<Map<string, Cached>> {
  const read = new Map<string, Cached>();
  for (const [i, file] of files.entries()) {
    if (i % TURN_FILES === TURN_FILES - 1) await nextTurn();
    const cached = readCached(folder, file, former.get(file), troubles);
    if (cached !== undefined) read.set(file, cached);
  }
  return read;
}

function textsOf(cache: ReadonlyMap<string, Cached>): FileTexts {
  const texts = new Map<string, string>();
  for (const { name, text } of cache.values()) texts.set(name, text);
  return texts;
}

function isSame(a: FileTexts, b: FileTexts): boolean {
  if (a.size !== b.size) return false;
  for (const [file, text] of a) if (b.get(file) !== text) return false;
  return true;
}

/** Watches each folder by itself: recursive watching is not to be had everywhere. */
class Watchers {
  readonly #open = new Map<string, FSWatcher>();
  /** Is told what changed, where the system says so: the path of a file or folder. */
  readonly #onEvent: (changed: string | undefined) => void;
  readonly #log: Log;

  constructor(onEvent: (changed: string | undefined) => void, log: Log) {
    this.#onEvent = onEvent;
    this.#log = log;
  }

  set(folders: readonly string[]): void {
    const wanted = new Set(folders);
    for (const [folder, watcher] of this.#open) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#open.delete(folder);
    }
    for (const folder of wanted) if (!this.#open.has(folder)) this.#add(folder);
  }

  close(): void {
    this.set([]);
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, (_, name) => this.#onEvent(name === null ? undefined : path.join(folder, name)));
      // the folder went away: its parent's event makes us look
      watcher.on('error', () => {
        watcher.close();
        this.#open.delete(folder);
      });
      this.#open.set(folder, watcher);
    } catch (error) {
      this.#log.debug('a folder cannot be watched', { folder, error: messageOf(error) });
    }
  }
}

/**
 * Reads the folder and calls `onChange` whenever its content became another. Rejects where it cannot be read at the
 * start; later on a folder that vanishes, and what is there and cannot be read, counts as no change, so that a mishap
 * does not empty the mesh.
 */
export async function watchFolder(options: FolderOptions, onChange: (texts: FileTexts) => void): Promise<FolderSource> {
  const { log } = options;
  const folder = path.resolve(options.folder);
  const troubles = createTroubles(log);
  let cache = new Map<string, Cached>();
  let texts: FileTexts = new Map();
  let isClosed = false;
  let running: Promise<void> | undefined;
  let isDirty = false;
  /** Files that events named since the last look; undefined where one of them was for something else. */
  let named: Set<string> | undefined = new Set();

  /** What events named, where that is files that are known: the others are as they were, and are not looked through. */
  const lookAtNamed = (files: ReadonlySet<string>): FileTexts | undefined => {
    const edits = new Map<string, Cached>();
    for (const file of files) {
      const former = cache.get(file);
      const cached = former && readCached(folder, file, former, troubles);
      if (cached === undefined) return undefined;
      if (cached !== former) edits.set(file, cached);
    }
    for (const [file, cached] of edits) cache.set(file, cached);
    const changed = [...edits.values()].filter(({ name, text }) => texts.get(name) !== text);
    return patchedMap(
      texts,
      changed.map(({ name, text }) => [name, text]),
    );
  };
  const lookAtAll = async (): Promise<FileTexts> => {
    const { files, folders, unread } = await scan(folder, options.ignore, troubles);
    if (!isClosed) watchers.set(folders);
    const unseen = [...cache.keys()].filter((file) => unread.some((each) => file.startsWith(`${each}${path.sep}`)));
    cache = await readAll(folder, [...files, ...unseen].toSorted(), cache, troubles);
    const read = textsOf(cache);
    return isSame(texts, read) ? texts : read;
  };
  const look = async (): Promise<boolean> => {
    const files = named;
    named = new Set();
    const former = texts;
    texts = (files !== undefined && files.size > 0 ? lookAtNamed(files) : undefined) ?? (await lookAtAll());
    return texts !== former;
  };
  const lookAgain = async (): Promise<void> => {
    do {
      isDirty = false;
      const hasChanged = await look().catch((error: unknown) => {
        log.warn('the folder cannot be read; its former content stays', { folder, error: messageOf(error) });
        return false;
      });
      if (hasChanged && !isClosed) onChange(texts);
    } while (isDirty && !isClosed);
    running = undefined;
  };
  const request = (): void => {
    isDirty = true;
    if (!isClosed) running ??= lookAgain();
  };
  const quiet = debounce(request, options.quietMs, options.maxMs);
  const watchers = new Watchers((changed) => {
    // an editor's or our own temporary file, of which another name is told when it is in its place
    if (changed !== undefined && /\.(?:new|tmp|swp)$|~$/.test(changed)) return;
    if (changed !== undefined && isYaml(path.basename(changed))) named?.add(changed);
    else named = undefined;
    quiet.trigger();
  }, log);
  const startedMs = performance.now();
  await look();
  // in a large folder a look takes longer, and there are fewer of them
  const pollMs = Math.max(options.pollMs, POLL_SHARE * (performance.now() - startedMs));
  const poll = setInterval(() => {
    named = undefined;
    request();
  }, pollMs);
  poll.unref();
  return {
    get texts() {
      return texts;
    },
    close() {
      isClosed = true;
      quiet.cancel();
      clearInterval(poll);
      watchers.close();
    },
  };
}

/**
 * What a folder of YAML files holds, read again and again: of files that are as they were the text is not read anew, and
 * what is there and cannot be read stays as it was.
 */
import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { changedKeys, patchedMap } from '../../core/patched-map.ts';
import type { FileTexts } from './files.ts';

/** Largest file read, in bytes. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

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

/** True for names of files that a mesh is read from. */
export function isYaml(name: string): boolean {
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

/** What one look found. */
interface Look {
  /** The same object as before where nothing changed. */
  readonly texts: FileTexts;
  /** All folders there are; undefined where only single files were looked at. */
  readonly folders: readonly string[] | undefined;
}

/** Reads one folder; looks must follow each other. */
export interface FolderReader {
  /** Looks at these files, where they are known ones, else at everything. Rejects where the folder itself cannot be read. */
  look(files: ReadonlySet<string> | undefined): Promise<Look>;
}

/** `folder` and `ignore` are absolute. */
export function createFolderReader(folder: string, ignore: readonly string[], log: Log): FolderReader {
  const troubles = createTroubles(log);
  let cache = new Map<string, Cached>();
  let texts: FileTexts = new Map();

  /** The other files are as they were, and are not looked through; undefined where one is not known, or gone. */
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
  const lookAtAll = async (): Promise<Look> => {
    const { files, folders, unread } = await scan(folder, ignore, troubles);
    const unseen = [...cache.keys()].filter((file) => unread.some((each) => file.startsWith(`${each}${path.sep}`)));
    cache = await readAll(folder, [...files, ...unseen].toSorted(), cache, troubles);
    const read = textsOf(cache);
    return { texts: changedKeys(texts, read).length === 0 ? texts : read, folders };
  };
  return {
    async look(files) {
      const named = files !== undefined && files.size > 0 ? lookAtNamed(files) : undefined;
      const found = named === undefined ? await lookAtAll() : { texts: named, folders: undefined };
      texts = found.texts;
      return found;
    },
  };
}

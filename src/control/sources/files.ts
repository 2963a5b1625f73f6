/**
 * A folder of YAML files, watched. Events of the system only say that it is time to look again: the truth is always
 * the folder's content, so that editors that write a new file and rename it, partial writes and lost events all end
 * well. A slow look without any event catches what file systems without events (network mounts) change.
 */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { debounce } from '../debounce.ts';
import { createFolderReader, isYaml } from './folder-reader.ts';

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

/** How much longer than a look the time between looks is. */
const POLL_SHARE = 100;

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
  const reader = createFolderReader(folder, options.ignore, log);
  let texts: FileTexts = new Map();
  let isClosed = false;
  let running: Promise<void> | undefined;
  let isDirty = false;
  /** Files that events named since the last look; undefined where one of them was for something else. */
  let named: Set<string> | undefined = new Set();

  const look = async (): Promise<boolean> => {
    const files = named;
    named = new Set();
    const found = await reader.look(files);
    if (found.folders !== undefined && !isClosed) watchers.set(found.folders);
    const hasChanged = found.texts !== texts;
    texts = found.texts;
    return hasChanged;
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

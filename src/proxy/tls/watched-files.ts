/** Folders whose files are read anew when they change: certificates that somebody else renews by moving files into place. */
import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import path from 'node:path';
import { ConfigError, messageOf } from '../../core/errors.ts';

/** Time for whoever writes to finish, in milliseconds. */
const SETTLE_MS = 50;

/** The folders whose changes count: `directory` where it is given, else those of the files. */
export function foldersOf(files: readonly string[], directory: string | undefined): readonly string[] {
  if (files.length === 0) return [];
  return directory === undefined || directory === '' ? [...new Set(files.map((file) => path.dirname(file)))] : [directory];
}

/** What the files hold, as one short text that is another one when any of them changes; a file that is not there counts, too. */
export function contentsOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    let bytes: Uint8Array | undefined;
    try {
      bytes = readFileSync(file);
    } catch {
      // whoever reads it for what is in it says why it cannot be read
    }
    hash.update(`${bytes?.length ?? '-'} `).update(bytes ?? '');
  }
  return hash.digest('base64');
}

/**
 * As `watchFolders`, and calls back only where the files hold something else than they did: a folder may have others, and
 * a new TLS context is new keys of tickets, too.
 */
export function watchFiles(files: readonly string[], directory: string | undefined, onChange: () => void): () => void {
  let known = contentsOf(files);
  return watchFolders(foldersOf(files, directory), () => {
    const contents = contentsOf(files);
    if (contents === known) return;
    known = contents;
    onChange();
  });
}

/** Calls back some time after each change of one of the folders; returns how to stop. Throws ConfigError. */
export function watchFolders(folders: readonly string[], onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const watchers: FSWatcher[] = [];
  const stop = (): void => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
  for (const folder of folders) {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        clearTimeout(timer);
        timer = setTimeout(onChange, SETTLE_MS).unref();
      });
      // a folder that goes away is not watched any more, and what was read stays
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch (cause) {
      stop();
      throw new ConfigError('watched_directory', `${folder} cannot be watched: ${messageOf(cause)}`, { cause });
    }
  }
  return stop;
}

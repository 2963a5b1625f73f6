import { readFileSync } from 'node:fs';

/** A small file as it is now, without white space around it; undefined where it cannot be read. */
export function readTrimmed(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

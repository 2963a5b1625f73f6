/** Makes a folder's YAML what a version was, and says of each file what was done. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CliError } from '../errors.ts';

type Texts = ReadonlyMap<string, string>;

/** `file` in `folder`; what a version holds must not lead out of it. Throws CliError. */
function placeIn(folder: string, file: string): string {
  const full = path.resolve(folder, file);
  if (full.startsWith(`${path.resolve(folder)}${path.sep}`)) return full;
  throw new CliError(`${file} is not in ${folder}`);
}

/** Writes what differs, removes what was not there, and returns a line for each. */
export function writeBack(folder: string, now: Texts, wanted: Texts): string[] {
  const changed = [...wanted].filter(([file, text]) => now.get(file) !== text);
  const gone = [...now.keys()].filter((file) => !wanted.has(file));
  for (const [file, text] of changed) {
    const full = placeIn(folder, file);
    mkdirSync(path.dirname(full), { recursive: true });
    // a name without .yaml is no part of the mesh while it is being written
    writeFileSync(`${full}.new`, text);
    renameSync(`${full}.new`, full);
  }
  for (const file of gone) rmSync(placeIn(folder, file), { force: true });
  return [...changed.map(([file]) => `wrote ${path.join(folder, file)}`), ...gone.map((file) => `removed ${path.join(folder, file)}`)];
}

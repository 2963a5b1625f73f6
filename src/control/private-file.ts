/** Files of the state directory, which only their owner may read. */
import { rename, writeFile } from 'node:fs/promises';

/** Puts `body` into `file` as a whole: whoever reads it meanwhile, or after a crash, finds the former content or this. */
export async function writePrivate(file: string, body: string): Promise<void> {
  await writeFile(`${file}.new`, body, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

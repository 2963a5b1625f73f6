import { readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import { CliError } from './errors.ts';

/** The text of a file, or of the input where it is `-`. Throws CliError. */
export function readInput(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${messageOf(cause)}`, '', { cause });
  }
}

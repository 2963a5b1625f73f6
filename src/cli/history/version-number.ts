import { InvalidArgumentError } from 'commander';

/** Parses the number of a version, as commands take it. Throws InvalidArgumentError. */
export function parseVersion(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not the number of a version.`);
}

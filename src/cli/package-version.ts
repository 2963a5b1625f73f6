import { readFileSync } from 'node:fs';
import { isObject, textOf } from './json.ts';

let known: string | undefined;

function readVersion(): string {
  for (const relative of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8'));
      if (isObject(manifest) && manifest['name'] === 'tulle') return textOf(manifest['version']);
    } catch {
      continue; // not at this depth
    }
  }
  return 'unknown';
}

/** The version in the package's manifest, which stands above both `src/` and `dist/`. */
export const packageVersion = (): string => (known ??= readVersion());

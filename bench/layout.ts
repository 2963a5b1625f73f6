/** Tulle as a user has it: `bin/tulle.js` and `dist/` in a folder of their own, with a compile cache of their own. */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

export const isBuilt = (): boolean => existsSync(path.join(root, 'dist/tulle.js'));

/** Copies what npm would install into `folder`, once. Gives the program's path. */
export function installedLayout(folder: string): string {
  const target = path.join(folder, 'installed');
  const program = path.join(target, 'bin/tulle.js');
  if (existsSync(program)) return program;
  mkdirSync(path.join(target, 'bin'), { recursive: true });
  for (const part of ['bin/tulle.js', 'dist', 'package.json']) cpSync(path.join(root, part), path.join(target, part), { recursive: true });
  return program;
}

/** The environment in which V8's compile cache is in `folder`. */
export const withCompileCache = (folder: string): NodeJS.ProcessEnv => ({ ...process.env, NODE_COMPILE_CACHE: folder });

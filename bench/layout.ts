/** Tulle as a user has it: `bin/` and `dist/` in a folder of their own, with a start-up snapshot and a compile cache. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

export const isBuilt = (): boolean => existsSync(path.join(root, 'dist/tulle.js'));

/** Copies what npm would install into `folder`, once. Gives the path of the program that a user calls. */
export function installedLayout(folder: string): string {
  const target = path.join(folder, 'installed');
  const program = path.join(target, 'bin/tulle');
  if (existsSync(program)) return program;
  mkdirSync(path.join(target, 'bin'), { recursive: true });
  for (const part of ['bin', 'dist', 'package.json']) cpSync(path.join(root, part), path.join(target, part), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(target, 'node_modules'));
  // as npm does when it installs the package
  execFileSync(program, ['proxy', 'snapshot'], { env: { ...process.env, TULLE_NODE: process.execPath }, stdio: 'ignore' });
  return program;
}

/** The environment in which V8's compile cache is in `folder`, and the Node of this process is the one. */
export const withCompileCache = (folder: string): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_COMPILE_CACHE: folder,
  TULLE_NODE: process.execPath,
});

/** Finds a real Envoy for interoperability tests. */
import { globSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { isExecutable } from './executable.ts';

/** What installs the programs that interoperability tests use. */
const INSTALL_COMMAND = 'node tools/install-peers.ts';

/** Folder of the virtual environment that `INSTALL_COMMAND` makes. */
export const envoyVenv = path.join(homedir(), '.cache/tulle/envoy');

/** The path of Envoy's binary: `TULLE_ENVOY`, one on PATH, or the installed one; undefined where there is none. */
export function findEnvoy(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (env['PATH'] ?? '').split(path.delimiter);
  // the program itself, past the Python script that starts it
  const installed = globSync('lib*/python*/site-packages/envoy/_bin/envoy', { cwd: envoyVenv }).map((file) => path.join(envoyVenv, file));
  const candidates = [
    env['TULLE_ENVOY'] ?? '',
    ...folders.map((folder) => path.join(folder, 'envoy')),
    ...installed,
    path.join(envoyVenv, 'bin/envoy'),
  ];
  return candidates.find((file) => file !== '' && path.isAbsolute(file) && isExecutable(file));
}

/** Why tests that need Envoy are skipped, or false where it is there. */
export const envoyMissing: string | false = findEnvoy() === undefined ? `no Envoy found; install it by: ${INSTALL_COMMAND}` : false;

/** As `findEnvoy`; rejects where there is none. */
export function envoyBinary(): Promise<string> {
  const found = findEnvoy();
  return found === undefined ? Promise.reject(new Error(String(envoyMissing))) : Promise.resolve(found);
}

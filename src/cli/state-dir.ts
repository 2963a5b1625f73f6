/** Where a mesh keeps its sockets, logs and certificates, and how commands find it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CliError } from './errors.ts';

const NAME = '.tulle';
/** `sun_path` of a Unix socket's address holds 108 bytes with its last zero (104 on macOS). */
const SOCKET_PATH_BYTES_MAX = 103;

/** The paths in a state directory. */
export interface StateDir {
  readonly root: string;
  readonly adminSocket: string;
  readonly xdsSocket: string;
  readonly logs: string;
  /** What supervisors must undo. */
  readonly runs: string;
  /** Addresses in use, in transparent mode. */
  readonly hosts: string;
  readonly proxies: string;
  /** The folder of one proxy: bootstrap, token, admin socket. */
  proxy(instance: string, namespace: string): string;
}

/** The paths below `root`. */
export function stateDirAt(root: string): StateDir {
  const absolute = path.resolve(root);
  return {
    root: absolute,
    adminSocket: path.join(absolute, 'admin.sock'),
    xdsSocket: path.join(absolute, 'xds.sock'),
    logs: path.join(absolute, 'logs'),
    runs: path.join(absolute, 'runs'),
    hosts: path.join(absolute, 'hosts'),
    proxies: path.join(absolute, 'proxies'),
    proxy: (instance, namespace) => path.join(absolute, 'proxies', `${instance}.${namespace}`),
  };
}

/** Throws where the kernel could not bind a socket at `socketPath`. */
export function checkSocketPath(socketPath: string): void {
  if (Buffer.byteLength(socketPath) <= SOCKET_PATH_BYTES_MAX) return;
  throw new CliError(
    `the path of the socket ${socketPath} is longer than the ${SOCKET_PATH_BYTES_MAX} bytes that the system allows`,
    'choose a shorter --state-dir',
  );
}

/** `.tulle` in `folder` or the nearest folder above it that has one. */
function nearest(folder: string): string | undefined {
  const candidate = path.join(folder, NAME);
  if (existsSync(candidate)) return candidate;
  const parent = path.dirname(folder);
  return parent === folder ? undefined : nearest(parent);
}

/** The state directory that `option`, `$TULLE_STATE_DIR` or the working directory names; throws where there is none. */
export function findStateDir(option: string | undefined): StateDir {
  const found = option ?? process.env['TULLE_STATE_DIR'] ?? nearest(process.cwd());
  if (found === undefined) {
    throw new CliError(
      `no mesh found: no ${NAME} here or above`,
      'start one with tulle up, go to the folder of one that runs, or name its state directory (tulle up prints it) with --state-dir',
    );
  }
  if (!existsSync(found)) throw new CliError(`the state directory ${found} does not exist`, 'tulle up prints the one it uses');
  return stateDirAt(found);
}

/** Where `tulle up <folder>` keeps its state unless told otherwise. */
export function defaultStateDir(folder: string): string {
  return process.env['TULLE_STATE_DIR'] ?? path.join(folder, NAME);
}

import { renameSync } from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import type { NetAddress } from '../../net/address.ts';

export interface OpenOptions {
  readonly backlog: number;
  readonly isDualStack: boolean;
  /** Others listen on the same port. */
  readonly isShared: boolean;
}

function listen(server: net.Server, options: net.ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

let names = 0;

/** A name for a while, short enough where that of the socket itself is. */
function passingName(file: string): string {
  return path.join(path.dirname(file), `.${process.pid.toString(36)}${(names++).toString(36)}`);
}

/**
 * Binds a server to an address. A Unix socket gets its name once it listens: whoever connects meets it or its
 * predecessor, and libuv, which removes a socket's file when it closes it, knows it by another name, so that the file
 * can outlive us when another process has taken the socket over.
 */
export async function openServer(server: net.Server, { host, port }: NetAddress, options: OpenOptions): Promise<void> {
  const { backlog, isShared, isDualStack } = options;
  if (!host.startsWith('/')) {
    await listen(server, { host, port, backlog, exclusive: true, ipv6Only: !isDualStack, reusePort: isShared });
    return;
  }
  const passing = passingName(host);
  await listen(server, { path: passing, backlog, exclusive: true });
  renameSync(passing, host);
}

/** Goes on with a socket that listens already; the descriptor is the server's from now on. */
export async function adoptSocket(server: net.Server, fd: number, backlog: number): Promise<void> {
  // Node takes a descriptor here too; its types do not say so
  const options = { fd, backlog };
  await listen(server, options);
}

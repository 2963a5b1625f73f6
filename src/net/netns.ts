/**
 * Network namespaces without names: one lives as long as a process is in it or a descriptor of it is open, so
 * that the kernel takes it down, with its links and rules, when all that used it is gone. Linux, as root.
 */
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connectSocket, enterNetwork, tcpSocket, unshareNetwork } from './sys.ts';

const OWN = '/proc/thread-self/ns/net';
const CONNECT_POLL_MS = 5;

export interface NetworkNamespace {
  /** A path that names the namespace to tools, for as long as this process lives. */
  readonly path: string;
  /**
   * Runs `action` with this thread inside the namespace. What it starts there (a process, a listening server, a
   * socket) stays there; it must be synchronous, because everything else of this process runs on the same thread.
   */
  run<T>(action: () => T): T;
  /** A connection to an IPv4 address as seen from inside; rejects where it is refused or takes too long. */
  connect(host: string, port: number, timeoutMs: number): Promise<Socket>;
  /** Lets go of the namespace. */
  close(): void;
}

/** Runs `action` with this thread in the namespace that `enter` goes to, and comes back whatever happens. */
function elsewhere<T>(enter: () => void, action: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    enter();
    return action();
  } finally {
    // a failure here would leave the whole process in the wrong network: nothing may go on after it
    enterNetwork(home);
    closeSync(home);
  }
}

async function connected(fd: number, host: string, port: number, timeoutMs: number): Promise<Socket> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const state = connectSocket(fd, host, port);
    if (state === 'connected') return new Socket({ fd });
    if (state === 'refused') throw new Error(`connection to ${host}:${port} refused`);
    if (performance.now() >= deadlineMs) throw new Error(`no connection to ${host}:${port} in ${timeoutMs} ms`);
    await delay(CONNECT_POLL_MS);
  }
}

/** Makes an empty network namespace, in which not even loopback is up. */
export function createNetworkNamespace(): NetworkNamespace {
  const fd = elsewhere(unshareNetwork, () => openSync(OWN, 'r'));
  const run = <T>(action: () => T): T => elsewhere(() => enterNetwork(fd), action);
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    run,
    async connect(host, port, timeoutMs) {
      const socket = run(() => tcpSocket(false));
      try {
        return await connected(socket, host, port, timeoutMs);
      } catch (error) {
        closeSync(socket);
        throw error;
      }
    },
    close: () => closeSync(fd),
  };
}

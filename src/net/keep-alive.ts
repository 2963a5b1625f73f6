import type net from 'node:net';

/** When TCP asks a silent peer whether it is there, and when it gives up. */
export interface KeepAlive {
  /** Silence before the first probe. */
  readonly idleMs: number;
  readonly intervalMs: number;
  /** Probes without an answer that end the connection. */
  readonly probes: number;
}

/** Linux's own, for what configuration leaves out: Node would ask every second. */
export const SYSTEM_KEEP_ALIVE: KeepAlive = { idleMs: 7_200_000, intervalMs: 75_000, probes: 9 };

/** What sockets of Node take, and its types do not know yet. */
interface ProbingSocket {
  setKeepAlive(isOn: boolean, idleMs: number, intervalMs: number, probes: number): unknown;
}

/** Turns probes on for a socket, connected or not. */
export function setKeepAlive(socket: net.Socket, { idleMs, intervalMs, probes }: KeepAlive): void {
  const probing: ProbingSocket = socket;
  probing.setKeepAlive(true, idleMs, intervalMs, probes);
}

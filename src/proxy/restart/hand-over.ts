/** The running proxy's side of a restart. */
import { statSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { sendDescriptors } from '../../net/descriptor-passing.ts';
import { descriptorOf } from '../../net/socket-handle.ts';
import type { PassedSocket } from '../listener/main-sockets.ts';
import type { CountedElsewhere } from '../telemetry/registry.ts';
import {
  type Counters,
  lineReader,
  MARK_DESCRIPTORS,
  MARK_END,
  type Passing,
  type Ready,
  RESTART_VERSION,
  type WorkloadHealth,
} from './protocol.ts';

export interface HandOverOptions {
  readonly sockets: () => readonly PassedSocket[];
  /** What was counted since the call before. */
  readonly counters: () => Promise<readonly CountedElsewhere[]>;
  readonly health: () => WorkloadHealth;
  readonly log: Log;
  /** The successor serves: accept no more, and end once connections are gone, at most after `endsWithinMs`. */
  onReady(endsWithinMs: number): void;
}

/** Why a socket is not to be trusted with what we have; undefined where it is one of our own user's. */
function distrust(socketPath: string): string | undefined {
  try {
    const { uid } = statSync(socketPath);
    return uid === process.getuid?.() ? undefined : `${socketPath} belongs to another user`;
  } catch (error) {
    return messageOf(error);
  }
}

function pass(socket: net.Socket, options: HandOverOptions): void {
  const fd = descriptorOf(socket);
  if (fd === undefined) throw new Error('the connection to the successor has no descriptor');
  const sockets = options.sockets();
  sendDescriptors(
    fd,
    sockets.map(({ descriptor }) => descriptor),
    MARK_DESCRIPTORS,
  );
  const passing: Passing = { version: RESTART_VERSION, pid: process.pid, keys: sockets.map(({ key }) => key), health: options.health() };
  socket.write(`${String.fromCharCode(MARK_END)}${JSON.stringify(passing)}\n`);
}

/** Passes sockets on to whoever asks, and steps down for the first that serves. */
export class HandOver {
  readonly #options: HandOverOptions;
  #successor: net.Socket | undefined;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** Connects to the successor at `socketPath`; returns why that is refused, or undefined. What comes of it is logged. */
  begin(socketPath: string): string | undefined {
    if (this.#successor !== undefined) return 'another process has taken over already';
    const reason = distrust(socketPath);
    if (reason === undefined) void this.#run(socketPath);
    return reason;
  }

  /** Tells the successor what was counted since it took over. */
  async end(): Promise<void> {
    const successor = this.#successor;
    if (successor === undefined || successor.destroyed) return;
    await this.#sendCounters(successor);
    const closed = Promise.withResolvers<void>();
    successor.once('close', closed.resolve);
    successor.end();
    await closed.promise;
  }

  async #run(socketPath: string): Promise<void> {
    const { log } = this.#options;
    const socket = net.connect(socketPath);
    socket.setEncoding('utf8');
    socket.on('error', (error) => log.warn('a successor has failed; this proxy goes on', { error: messageOf(error) }));
    socket.on(
      'data',
      lineReader((line) => this.#onLine(socket, line)),
    );
    try {
      await once(socket, 'connect');
      pass(socket, this.#options);
      log.info('sockets passed on to a successor');
    } catch (error) {
      log.warn('sockets cannot be passed on', { error: messageOf(error) });
      socket.destroy();
    }
  }

  #onLine(socket: net.Socket, line: string): void {
    const message = JSON.parse(line) as Ready;
    if (this.#successor !== undefined) return;
    this.#successor = socket;
    void this.#sendCounters(socket);
    this.#options.onReady(message.endsWithinMs ?? Infinity);
  }

  async #sendCounters(socket: net.Socket): Promise<void> {
    const message: Counters = { event: 'counters', counters: await this.#options.counters() };
    socket.write(`${JSON.stringify(message)}\n`);
  }
}

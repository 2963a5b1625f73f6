/** Cases over bare TCP: a client that says and hears bytes, and ends or breaks the connection as it likes. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { Answer, Case, CaseOptions, Talk, Target } from './case.ts';
import { newCase } from './case.ts';

/** What a client does, one after the other. */
export type Step =
  /** Writes; `PORT` in text stands for the listener's port. */
  | { readonly send: string | Buffer }
  /** Waits until what was heard ends with this. */
  | { readonly hear: string }
  /** Waits for that many bytes in all. */
  | { readonly bytes: number }
  /** Ends its side. */
  | { readonly end: true }
  /** Breaks the connection. */
  | { readonly reset: true }
  | { readonly waitMs: number };

export interface TcpOptions extends CaseOptions {
  /** TLS on a listener that takes it: what the ClientHello says. */
  readonly hello?: { readonly servername?: string; readonly ALPNProtocols?: string[] };
  /** Only how much was heard is compared, for a lot of bytes. */
  readonly countsBytes?: boolean;
  /** The client's own address. */
  readonly from?: string;
  /** Only that it ends: by a reset where the client's bytes had come before it was over, and nobody says in which order. */
  readonly endsAnyhow?: boolean;
  /** What is heard is no text. */
  readonly isBinary?: boolean;
}

const PATIENCE_MS = 60_000;

class Listener {
  #chunks: Buffer[] = [];
  #length = 0;
  #wake: (() => void) | undefined = undefined;
  end = 'open';

  constructor(socket: net.Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake?.();
    });
    socket.on('end', () => this.#over('ended'));
    socket.on('error', (error) => this.#over(Reflect.get(error, 'code') === 'ECONNRESET' ? 'reset' : 'broken'));
    socket.on('close', () => this.#over('closed'));
  }

  #over(how: string): void {
    if (this.end === 'open' || (this.end === 'ended' && how === 'reset')) this.end = how;
    this.#wake?.();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get length(): number {
    return this.#length;
  }

  async until(isEnough: () => boolean): Promise<void> {
    const timer = setTimeout(() => this.#over('silent'), PATIENCE_MS);
    while (!isEnough() && this.end === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
  }
}

/** Connects; gives the client's port too, which a socket forgets when it closes. */
async function connect(target: Target, options: TcpOptions): Promise<readonly [socket: net.Socket, port: number]> {
  const { port, tls: secret } = target;
  const { hello, from } = options;
  const where = { port, host: '127.0.0.1', allowHalfOpen: true, ...(from === undefined ? {} : { localAddress: from }) };
  if (hello === undefined) {
    const socket = net.connect(where);
    const isConnected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.on('error', () => {});
    // broken off before we knew of it, and without a port to know it by
    return isConnected ? [socket, socket.localPort ?? -1] : connect(target, options);
  }
  const { root, certificateChain, privateKey } = secret ?? { root: '', certificateChain: '', privateKey: '' };
  const own = secret === undefined ? {} : { ca: root, cert: certificateChain, key: privateKey };
  const socket = tls.connect({ ...where, ...own, ...hello, rejectUnauthorized: false });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const ownPort = socket.localPort ?? -1;
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {});
  return [socket, ownPort];
}

async function act(socket: net.Socket, listener: Listener, step: Step, port: number): Promise<void> {
  if ('send' in step) socket.write(typeof step.send === 'string' ? step.send.replaceAll('PORT', String(port)) : step.send);
  else if ('hear' in step) await listener.until(() => listener.bytes.toString('latin1').endsWith(step.hear));
  else if ('bytes' in step) await listener.until(() => listener.length >= step.bytes);
  else if ('waitMs' in step) await sleep(step.waitMs);
  else if ('end' in step) socket.end();
  else if (socket instanceof tls.TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

async function talk(target: Target, steps: readonly Step[], options: TcpOptions): Promise<Talk> {
  const [socket, port] = await connect(target, options);
  const listener = new Listener(socket);
  for (const step of steps) await act(socket, listener, step, target.port);
  // what comes after the last step is heard too, until somebody ends
  const isOwnEnd = steps.some((step) => 'reset' in step);
  if (!isOwnEnd) await listener.until(() => false);
  const { bytes } = listener;
  const body = options.countsBytes
    ? `${bytes.length} bytes`
    : bytes
        .toString(options.isBinary ? 'hex' : 'latin1')
        .replaceAll(`:${port}`, ':<client>')
        .replaceAll(` ${port} `, ' <client> ')
        .replaceAll(`${target.port}`, '<listener>');
  const answer: Answer = { line: 'tcp', fields: [], body, trailers: [], isWhole: true };
  socket.destroy();
  const end = options.endsAnyhow && listener.end !== 'silent' ? 'over' : listener.end;
  return { answers: [answer], connection: isOwnEnd ? 'reset by us' : end, port };
}

/** A case over TCP; what is heard is `answers.0.body`. */
export function tcp(name: string, steps: readonly Step[], options: TcpOptions = {}): Case {
  return newCase(name, (target) => talk(target, steps, options), options);
}

/** The case while another connection to the same listener is open, or after one that was. */
export function beside(each: Case, how: 'while open' | 'after'): Case {
  return {
    ...each,
    async talk(target) {
      const other = net.connect({ port: target.port, host: '127.0.0.1' });
      other.on('error', () => {});
      await once(other, 'connect');
      // it is to have been counted
      await sleep(50);
      if (how === 'after') {
        other.destroy();
        await sleep(50);
      }
      const said = await each.talk(target);
      other.destroy();
      return said;
    },
  };
}

/** The successor's side of a restart. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { type NetAddress } from '../../net/address.ts';
import { receiveDescriptors } from '../../net/descriptor-passing.ts';
import { descriptorOf } from '../../net/socket-handle.ts';
import type { PassedSocket } from '../listener/main-sockets.ts';
import type { CountedElsewhere } from '../telemetry/registry.ts';
import { type Counters, lineReader, MARK_END, type Passing, type Ready, RESTART_VERSION, type WorkloadHealth } from './protocol.ts';

/** How long the running proxy has for its answer. */
const ANSWER_MS = 10_000;
const POLL_MS = 2;

/** What a running proxy has passed on. */
export interface Predecessor {
  readonly pid: number;
  readonly sockets: readonly PassedSocket[];
  readonly health: WorkloadHealth;
  /**
   * This proxy serves: the other is to leave within that time. `onCounters` gets what it has counted, and counts until it
   * ends, which `onEnd` is told.
   */
  ready(endsWithinMs: number | undefined, onCounters: (counters: readonly CountedElsewhere[]) => void, onEnd: () => void): void;
  /** Leaves the other as it is. */
  close(): void;
}

/** Asks the admin interface; undefined where nobody listens there. */
function ask(admin: NetAddress, target: string): Promise<{ readonly status: number; readonly text: string } | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly text: string } | undefined>();
  const where = admin.host.startsWith('/') ? { socketPath: admin.host } : { host: admin.host, port: admin.port };
  const request = http.request({ ...where, path: target, method: 'POST', agent: false, timeout: ANSWER_MS }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: text.trim() }));
  });
  request.on('timeout', () => request.destroy(new Error('no answer in time')));
  request.on('error', (error) => {
    const code: unknown = Reflect.get(error, 'code');
    if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(undefined);
    else reject(error);
  });
  request.end();
  return promise;
}

/** All descriptors that come before the mark of their end. The socket must be paused. */
async function receiveAll(socket: net.Socket): Promise<number[]> {
  const fd = descriptorOf(socket);
  if (fd === undefined) throw new Error('the connection has no descriptor');
  const all: number[] = [];
  for (const untilMs = performance.now() + ANSWER_MS; performance.now() < untilMs;) {
    const message = receiveDescriptors(fd);
    if (message === undefined) await sleep(POLL_MS);
    else if (message.mark === MARK_END) return all;
    else all.push(...message.descriptors);
  }
  throw new Error('no descriptors came in time');
}

interface Lines {
  /** Who gets the next lines. */
  onLine: (line: string) => void;
}

function firstLine(socket: net.Socket, lines: Lines): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lines.onLine = resolve;
  socket.once('close', () => reject(new Error('it ended the connection')));
  socket.setEncoding('utf8');
  socket.on(
    'data',
    lineReader((line) => lines.onLine(line)),
  );
  socket.resume();
  return promise;
}

async function accept(socket: net.Socket): Promise<Predecessor> {
  socket.on('error', () => {});
  const descriptors = await receiveAll(socket);
  const lines: Lines = { onLine() {} };
  const passing = JSON.parse(await firstLine(socket, lines)) as Passing;
  if (passing.version !== RESTART_VERSION)
    throw new Error(`it speaks version ${passing.version} of the restart protocol, not ${RESTART_VERSION}`);
  return {
    pid: passing.pid,
    health: passing.health,
    sockets: passing.keys.map((key, i) => ({ key, descriptor: descriptors[i] ?? -1 })),
    ready(endsWithinMs, onCounters, onEnd) {
      socket.once('close', onEnd);
      lines.onLine = (line) => onCounters((JSON.parse(line) as Counters).counters);
      socket.unref();
      const message: Ready = { event: 'ready', endsWithinMs };
      socket.write(`${JSON.stringify(message)}\n`);
    },
    close: () => void socket.destroy(),
  };
}

function nextConnection(server: net.Server): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  server.once('connection', resolve);
  setTimeout(() => reject(new Error('it did not connect in time')), ANSWER_MS).unref();
  return promise;
}

/**
 * Takes over from the proxy whose admin interface is at `admin`; undefined where none is. Rejects with an Error where one
 * is that does not hand over: it goes on as it was.
 */
export async function takeOver(admin: NetAddress): Promise<Predecessor | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-restart-'));
  const socketPath = path.join(folder, 's');
  const server = net.createServer({ pauseOnConnect: true });
  try {
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const connection = nextConnection(server);
    connection.catch(() => {});
    const answer = await ask(admin, `/hot_restart?socket=${encodeURIComponent(socketPath)}`);
    if (answer === undefined) return undefined;
    if (answer.status !== 200) throw new Error(`it answered ${answer.status}: ${answer.text}`);
    return await accept(await connection);
  } catch (error) {
    throw new Error(`the running proxy does not hand over: ${messageOf(error)}`, { cause: error });
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

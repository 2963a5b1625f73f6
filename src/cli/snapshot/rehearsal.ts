/**
 * What is run while a start-up snapshot is made, so that V8 has compiled it: a proxy with a sidecar's configuration starts,
 * carries requests from loopback to loopback, and ends. TLS is left out: Node cannot put it into a snapshot.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readBootstrap } from '../../proxy/config/bootstrap.ts';
import { prepareProxy, runProxy } from '../proxy.ts';
import { sampleBootstrap } from './sample.ts';

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok';
const REQUESTS = ['GET / HTTP/1.1\r\nhost: reviews\r\n\r\n', 'GET /admin/x HTTP/1.1\r\nhost: reviews:80\r\nconnection: close\r\n\r\n'];
/** Whose descriptors are looked up, so that those who start find them. */
const FILE = 'sample.yaml';

/** An origin that answers every piece that it reads; its port. */
async function startOrigin(): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const server = net.createServer((socket) => {
    socket.on('data', () => socket.write(ANSWER));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the origin has no port');
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Sends the requests in turn over one connection; gives all that comes back. */
function converse(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const waiting = [...REQUESTS];
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(waiting.shift() ?? ''));
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
      const next = waiting.shift();
      if (next !== undefined) socket.write(next);
    });
    socket.on('error', reject).on('close', () => resolve(text));
  });
}

/** Writes one request, and reads until the other side ends. */
function ask(port: number, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(request));
    socket.on('error', reject).on('close', () => resolve());
    socket.resume();
  });
}

/** A port that nothing listens on now. */
async function freePort(): Promise<number> {
  const { port, close } = await startOrigin();
  await close();
  return port;
}

/** Decodes the sample: what stays of it is what the types of configuration are known by. And the command stands ready. */
export async function prime(): Promise<void> {
  prepareProxy();
  await readBootstrap(sampleBootstrap({ upstream: 1, listen: 0, admin: 0 }), FILE);
}

/** Runs a proxy as its command does, lets it answer, and ends it. Rejects where that does not come off. */
export async function rehearse(): Promise<void> {
  const origin = await startOrigin();
  const [listen, admin] = [await freePort(), await freePort()];
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-rehearsal-'));
  const file = path.join(folder, FILE);
  writeFileSync(file, sampleBootstrap({ upstream: origin.port, listen, admin }));
  const live = Promise.withResolvers<void>();
  const args = ['-c', file, '--drain-time-s', '0', '--concurrency', '1', '--log-level', 'off'];
  const ended = runProxy(args, { onLive: live.resolve, entry: undefined });
  try {
    await Promise.race([live.promise, ended]);
    const answers = await converse(listen);
    if (answers.split('HTTP/1.1 200 OK').length !== 1 + REQUESTS.length) throw new Error(`the rehearsal was answered ${answers}`);
    await ask(admin, 'POST /quitquitquit HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    await ended;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await origin.close();
  }
}

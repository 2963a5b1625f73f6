/**
 * What is run while a start-up snapshot is made, so that V8 has compiled it: a proxy with a sidecar's configuration starts,
 * carries requests from loopback to loopback, and ends. TLS is left out: Node cannot put it into a snapshot.
 */
import net from 'node:net';
import { createLog } from '../../core/log.ts';
import { readBootstrap } from '../../proxy/config/bootstrap.ts';
import { type RunningProxy, startProxy } from '../../proxy/main.ts';
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

function portOf(proxy: RunningProxy): number {
  const [listener] = proxy.listeners();
  return listener?.addresses[0]?.port ?? 0;
}

/** Decodes the sample: what stays of it is what the types of configuration are known by. And the command stands ready. */
export async function prime(): Promise<void> {
  prepareProxy();
  await readBootstrap(sampleBootstrap(1, 0), FILE);
}

/** Starts a proxy, lets it answer, and ends it. Rejects where that does not come off. */
export async function rehearse(): Promise<void> {
  const origin = await startOrigin();
  const { bootstrap } = await readBootstrap(sampleBootstrap(origin.port, 0), FILE);
  const log = createLog(
    () => {},
    () => 0,
  );
  const proxy = await startProxy({ bootstrap, log, version: 'rehearsal', drainMs: 0 });
  await proxy.ready;
  const answers = await converse(portOf(proxy));
  await proxy.drain();
  await proxy.close();
  await origin.close();
  if (answers.split('HTTP/1.1 200 OK').length !== 1 + REQUESTS.length) throw new Error(`the rehearsal was answered ${answers}`);
  // the command line, as far as a snapshot can have it: nothing is served
  await runProxy(['-c', '/nonexistent', '--drain-time-s', '0', '--concurrency', '1'], { onLive: () => {}, entry: undefined }).catch(
    () => {},
  );
}

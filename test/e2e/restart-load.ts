/** Clients that go on while the proxy behind their port is replaced; every failure of theirs is kept. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';

/** What a load came to. */
export interface LoadResult {
  readonly answered: number;
  /** Failures, each as a line. */
  readonly failures: readonly string[];
}

async function inLanes(lanes: number, count: number, one: (lane: number) => Promise<void>): Promise<LoadResult> {
  const failures: string[] = [];
  let begun = 0;
  let answered = 0;
  const run = async (lane: number): Promise<void> => {
    while (begun < count) {
      begun++;
      await one(lane).then(
        () => answered++,
        (error: unknown) => failures.push(String(error)),
      );
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
  return { answered, failures };
}

function get(port: number, agent: http.Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = http.get({ host: '127.0.0.1', port, path: '/x', agent }, (response) => {
    response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`))));
    response.on('error', reject).resume();
  });
  request.on('error', reject);
  return promise;
}

/** HTTP/1.1: `connections` at a time, kept alive, or one for each request. */
export async function loadHttp1(port: number, count: number, connections: number, isKept: boolean): Promise<LoadResult> {
  const agent = new http.Agent({ keepAlive: isKept, maxSockets: connections, scheduling: 'fifo' });
  try {
    return await inLanes(connections, count, () => get(port, agent));
  } finally {
    agent.destroy();
  }
}

/** HTTP/2 over TLS: `connections` sessions, each replaced when the server says goodbye. */
export async function loadHttp2(port: number, ca: string, count: number, connections: number): Promise<LoadResult> {
  const sessions = new Map<number, http2.ClientHttp2Session>();
  const sessionOf = (lane: number): http2.ClientHttp2Session => {
    const known = sessions.get(lane);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca, checkServerIdentity: () => undefined });
    session.on('error', () => {});
    // those that run go on; the next request begins another
    session.on('goaway', () => sessions.delete(lane));
    sessions.set(lane, session);
    return session;
  };
  const ask = (lane: number): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stream = sessionOf(lane).request({ ':path': '/x' });
    let status = 0;
    stream.on('response', (head) => (status = Number(head[':status'])));
    stream.on('end', () => (status === 200 ? resolve() : reject(new Error(`status ${status}`))));
    stream.on('error', reject).resume();
    return promise;
  };
  const result = await inLanes(connections, count, ask);
  for (const session of sessions.values()) session.destroy();
  return result;
}

/** TCP: a connection for each exchange with an origin that gives back what it gets. */
export function loadTcp(port: number, count: number, connections: number): Promise<LoadResult> {
  return inLanes(connections, count, async () => {
    const socket = net.connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.write('ping');
      const ended = once(socket, 'close').then(() => Promise.reject(new Error('closed before it answered')));
      ended.catch(() => {});
      const [data] = (await Promise.race([once(socket, 'data'), ended])) as [Buffer];
      if (data.toString() !== 'ping') throw new Error(`got ${data.toString()}`);
    } finally {
      socket.destroy();
    }
  });
}

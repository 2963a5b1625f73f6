/** Our codec against Node's own HTTP/2, on both sides, over loopback. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { portOf } from '../../net/testing/port-of.ts';
import { headersOf } from '../http/headers.ts';
import type { HeaderBlock } from '../http/headers.ts';
import type { IncomingRequest, IncomingResponse } from '../http/message.ts';
import type { Http2Connection } from './connection.ts';
import { attach, serve } from './testing/sockets.ts';
import type { Http2Reader, Http2Stream } from './types.ts';

/** Bytes that differ everywhere, so that a piece out of place shows. */
function pattern(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 9)) & 255));
}

/** Answers with what was sent, as it comes, with back-pressure, and with the trailers that came. */
function echo(stream: Http2Stream, head: IncomingRequest, isEnd: boolean): Http2Reader {
  stream.sendResponse(
    200,
    headersOf([
      ['x-path', head.path],
      ['x-method', head.method],
    ]),
    isEnd,
  );
  return {
    onHead() {},
    onData(view) {
      if (!stream.sendData(view)) stream.pause();
    },
    onEnd: (trailers) => stream.sendEnd(trailers),
    onReset() {},
    onDrain: () => stream.resume(),
  };
}

interface Answer {
  readonly head: IncomingResponse;
  readonly body: Buffer;
  readonly trailers: HeaderBlock | undefined;
}

/** Sends a request of ours with a body, pauses where told to. */
function request(connection: Http2Connection, method: string, path: string, body: Buffer, trailers?: HeaderBlock): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head: IncomingResponse | undefined;
    const pieces: Buffer[] = [];
    let at = 0;
    const end = (found: HeaderBlock | undefined): void => {
      if (head !== undefined) resolve({ head, body: Buffer.concat(pieces), trailers: found });
    };
    const stream = connection.open(
      { method, path, authority: 'localhost', scheme: 'http', headers: headersOf([['x-test', 'yes']]), upgrade: '' },
      body.length === 0 && trailers === undefined,
      {
        onHead: (response, isEnd) => {
          head = response;
          if (isEnd) end(undefined);
        },
        onData: (view) => void pieces.push(Buffer.from(view)),
        onEnd: end,
        onReset: (code, detail) => reject(new Error(`${code} ${detail}`)),
        onDrain: () => pump(),
      },
    );
    const pump = (): void => {
      while (at < body.length) {
        const piece = body.subarray(at, at + 60_000);
        at += piece.length;
        if (!stream.sendData(piece)) return;
      }
      if (body.length > 0 || trailers !== undefined) stream.sendEnd(trailers);
      at = Infinity;
    };
    if (body.length > 0 || trailers !== undefined) pump();
  });
}

async function nodeServer(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  settings: http2.Settings = {},
) {
  const server = http2.createServer({ settings }, undefined);
  server.on('stream', onStream);
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: portOf(server), close: () => server.close() };
}

async function ourClient(port: number): Promise<{ connection: Http2Connection; socket: net.Socket }> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const ready = Promise.withResolvers<void>();
  const connection = attach('client', socket, { onSettings: () => ready.resolve(), onFatal: (error) => ready.reject(error) });
  await ready.promise;
  return { connection, socket };
}

interface NodeAnswer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders | undefined;
}

function nodeRequest(
  client: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
  trailers?: http2.OutgoingHttpHeaders,
): Promise<NodeAnswer> {
  return new Promise((resolve, reject) => {
    const stream = client.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
    let answered: http2.IncomingHttpHeaders = {};
    let found: http2.IncomingHttpHeaders | undefined;
    const pieces: Buffer[] = [];
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('response', (response) => (answered = response));
    stream.on('trailers', (response: http2.IncomingHttpHeaders) => (found = response));
    stream.on('data', (piece: Buffer) => void pieces.push(piece));
    stream.on('error', reject);
    stream.on('close', () => resolve({ headers: answered, body: Buffer.concat(pieces), trailers: found }));
    if (body !== undefined) stream.end(body);
  });
}

async function withNodeClient(run: (client: http2.ClientHttp2Session) => Promise<void>, settings: http2.Settings = {}): Promise<void> {
  const server = await serve((socket) => void attach('server', socket, { onRequest: echo }));
  const client = http2.connect(`http://127.0.0.1:${server.port}`, { settings });
  try {
    await run(client);
  } finally {
    client.destroy();
    await server.close();
  }
}

test("node's client: requests without a body", () =>
  withNodeClient(async (client) => {
    const { headers } = await nodeRequest(client, { ':path': '/a?b=c' });
    assert.equal(headers[':status'], 200);
    assert.equal(headers['x-path'], '/a?b=c');
    assert.equal(headers['x-method'], 'GET');
  }));

test("node's client: a large body comes back whole, with its trailers", () =>
  withNodeClient(async (client) => {
    const body = pattern(5_000_000);
    const answer = await nodeRequest(client, { ':path': '/', ':method': 'POST' }, body, { 'x-sum': '42' });
    assert(answer.body.equals(body));
    assert.equal(answer.trailers?.['x-sum'], '42');
  }));

test("node's client: a thousand streams at once", () =>
  withNodeClient(async (client) => {
    await nodeRequest(client, { ':path': '/first' });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => nodeRequest(client, { ':path': `/${i}`, ':method': 'POST' }, pattern(i))),
    );
    for (const [i, answer] of answers.entries()) {
      assert.equal(answer.headers['x-path'], `/${i}`);
      assert.equal(answer.body.length, i);
    }
  }));

test("node's client: small windows", () =>
  withNodeClient(
    async (client) => {
      const body = pattern(300_000);
      const answers = await Promise.all([0, 1, 2].map(() => nodeRequest(client, { ':path': '/', ':method': 'POST' }, body)));
      for (const answer of answers) assert(answer.body.equals(body));
    },
    { initialWindowSize: 1000 },
  ));

async function withNodeServer(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  run: (connection: Http2Connection) => Promise<void>,
  settings: http2.Settings = {},
): Promise<void> {
  const server = await nodeServer(onStream, settings);
  const { connection, socket } = await ourClient(server.port);
  try {
    await run(connection);
  } finally {
    socket.destroy();
    server.close();
  }
}

function nodeEcho(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  stream.on('error', () => {});
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('trailers', (found: http2.IncomingHttpHeaders) => (trailers = found));
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers, 'x-end': 'yes' }));
  stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { waitForTrailers: true });
  stream.pipe(stream);
}

test("node's server: a large body comes back whole, with its trailers", () =>
  withNodeServer(nodeEcho, async (connection) => {
    const body = pattern(5_000_000);
    const answer = await request(connection, 'POST', '/x', body, headersOf([['x-sum', '42']]));
    assert.equal(answer.head.status, 200);
    assert.equal(answer.head.headers.get('x-path'), '/x');
    assert(answer.body.equals(body));
    assert.equal(answer.trailers?.get('x-end'), 'yes');
    assert.equal(answer.trailers?.get('x-sum'), '42');
  }));

test("node's server: a thousand streams at once", () =>
  withNodeServer(
    nodeEcho,
    async (connection) => {
      const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => request(connection, 'POST', `/${i}`, pattern(i))));
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.head.headers.get('x-path'), `/${i}`);
        assert.equal(answer.body.length, i);
      }
      assert.equal(connection.activeStreams, 0);
    },
    { maxConcurrentStreams: 2000 },
  ));

test("node's server: small windows", () =>
  withNodeServer(
    nodeEcho,
    async (connection) => {
      const body = pattern(300_000);
      const answers = await Promise.all([0, 1, 2].map(() => request(connection, 'POST', '/', body)));
      for (const answer of answers) assert(answer.body.equals(body));
    },
    { initialWindowSize: 1000 },
  ));

test("node's server: HEAD, 204, 103 and extended CONNECT", () =>
  withNodeServer(
    (stream, headers) => {
      if (headers[':method'] === 'HEAD') stream.respond({ ':status': 200, 'content-length': '10' }, { endStream: true });
      else if (headers[':path'] === '/204') {
        stream.additionalHeaders({ ':status': 103, link: '</a>' });
        stream.respond({ ':status': 204 }, { endStream: true });
      } else {
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      }
    },
    async (connection) => {
      const head = await request(connection, 'HEAD', '/', Buffer.alloc(0));
      assert.equal(head.head.headers.get('content-length'), '10');
      assert.equal(head.head.contentLength, 0);
      assert.equal((await request(connection, 'GET', '/204', Buffer.alloc(0))).head.status, 204);
      assert(connection.peerAllowsConnect);
      const echoed = Promise.withResolvers<string>();
      const stream = connection.open(
        { method: 'GET', path: '/chat', authority: 'localhost', scheme: 'http', headers: headersOf([]), upgrade: 'websocket' },
        false,
        {
          onHead(response) {
            assert.equal(response.status, 101);
            assert.equal(response.upgrade, 'websocket');
            stream.sendData(Buffer.from('hello'));
          },
          onData: (view) => {
            echoed.resolve(Buffer.from(view).toString());
            stream.reset(8);
          },
          onEnd() {},
          onReset: (code, detail) => echoed.reject(new Error(`${code} ${detail}`)),
          onDrain() {},
        },
      );
      assert.equal(await echoed.promise, 'hello');
    },
    { enableConnectProtocol: true },
  ));

/** Hosts that answer as they are told from moment to moment, and keep what they were asked. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';

/** What a host does with requests. */
export interface Mood {
  readonly status?: number;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Takes requests and says nothing. */
  readonly isSilent?: boolean;
  /** Closes connections instead of answering. */
  readonly resets?: boolean;
  /** gRPC: the status of the health service, and that of the call. */
  readonly serving?: number;
  readonly grpcStatus?: string;
}

/** A request as a host has seen it. */
interface Seen {
  readonly method: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connection: number;
}

export interface ChangingHost {
  readonly port: number;
  /** How health checks (below `/hc`, or of gRPC's service), and other requests are answered from now on. */
  checks: Mood;
  traffic: Mood;
  readonly seenChecks: Seen[];
  readonly seenTraffic: Seen[];
  close(): Promise<void>;
}

export type HostKind = 'http1' | 'http2' | 'tcp';

/** A varint's field 1, which is all that the health service's answer has. */
function healthFrame(status: number): Buffer {
  return status === 0 ? Buffer.from([0, 0, 0, 0, 0]) : Buffer.from([0, 0, 0, 0, 2, 8, status]);
}

type State = Pick<ChangingHost, 'checks' | 'traffic' | 'seenChecks' | 'seenTraffic'>;

function fieldsOf(headers: http.IncomingHttpHeaders | http2.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function moodFor(state: State, seen: Seen): Mood {
  const isCheck = seen.path.startsWith('/hc') || seen.path.startsWith('/grpc.health');
  (isCheck ? state.seenChecks : state.seenTraffic).push(seen);
  return isCheck ? state.checks : state.traffic;
}

function serveHttp1(state: State, name: string): net.Server {
  const numbers = new WeakMap<net.Socket, number>();
  let connections = 0;
  return http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    let number = numbers.get(request.socket);
    if (number === undefined) numbers.set(request.socket, (number = ++connections));
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      const seen = { method: request.method ?? '', path: request.url ?? '', fields: fieldsOf(request.headers), body, connection: number };
      const { status = 200, fields = {}, body: text = 'ok', isSilent = false, resets = false } = moodFor(state, seen);
      if (resets) request.socket.destroy();
      else if (!isSilent) response.writeHead(status, { 'x-host': name, ...fields }).end(text);
    });
  });
}

function serveHttp2(state: State, name: string): net.Server {
  const server = http2.createServer();
  let connections = 0;
  server.on('session', (session) => {
    const connection = ++connections;
    session.on('stream', (stream, headers) => {
      let body = '';
      stream.setEncoding('latin1');
      stream.on('error', () => undefined);
      stream.on('data', (text: string) => (body += text));
      stream.on('end', () => {
        const path = headers[':path'] ?? '';
        const mood = moodFor(state, { method: headers[':method'] ?? '', path, fields: fieldsOf(headers), body, connection });
        const { status = 200, fields = {}, body: text = 'ok', isSilent = false, resets = false, serving = 1, grpcStatus = '0' } = mood;
        if (resets) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
        else if (path.startsWith('/grpc.health')) {
          if (isSilent) return;
          stream.respond({ ':status': status, 'content-type': 'application/grpc', ...fields }, { waitForTrailers: true });
          stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus }));
          stream.end(healthFrame(serving));
        } else if (!isSilent) {
          stream.respond({ ':status': status, 'x-host': name, ...fields });
          stream.end(text);
        }
      });
    });
  });
  return server;
}

/** Answers every piece of bytes with `checks.body`. */
function serveTcp(state: State): net.Server {
  let connections = 0;
  return net.createServer((socket) => {
    const connection = ++connections;
    state.seenChecks.push({ method: 'connect', path: '', fields: {}, body: '', connection });
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (body: string) => {
      state.seenChecks.push({ method: 'data', path: '', fields: {}, body, connection });
      const { body: text = '', resets = false, isSilent = false } = state.checks;
      if (resets) socket.destroy();
      else if (!isSilent && text !== '') socket.write(text, 'latin1');
    });
  });
}

/** Starts one on loopback; it names itself in the field `x-host`. */
export async function startChangingHost(kind: HostKind, name: string): Promise<ChangingHost> {
  const state: State = { checks: {}, traffic: {}, seenChecks: [], seenTraffic: [] };
  const server = kind === 'http1' ? serveHttp1(state, name) : kind === 'http2' ? serveHttp2(state, name) : serveTcp(state);
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return Object.assign(state, {
    port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

/** Clients of HTTP/1.1 and HTTP/2, in clear text or over TLS, that a test uses alike. They are Node's. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Duplex, Readable, Writable } from 'node:stream';

export type Version = 'h1' | 'h2';

export interface Target {
  readonly port: number;
  /** The root that its certificate must be of; undefined for clear text. */
  readonly root: string | undefined;
}

/** Fields by their names in lower case. */
export type Fields = Readonly<Record<string, string>>;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly fields?: Fields;
  readonly trailers?: Fields;
}

export interface Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
  /** Ends with an error where the response is cut off. */
  readonly body: Readable;
  /** Once the body has been read. */
  trailers(): Readonly<Record<string, string | string[] | undefined>>;
}

/** A request that has begun. */
interface Call {
  readonly body: Writable;
  /** Statuses of interim responses that came so far. */
  readonly interims: readonly number[];
  /** Rejects where no answer comes. */
  readonly answer: Promise<Answer>;
  /** Goes away in the middle. */
  abort(): void;
}

export interface Client {
  readonly version: Version;
  /** Sends a head; its body is the caller's to write and end. */
  open(asked: Asked): Call;
  /** Opens a WebSocket, as far as HTTP is concerned: what goes through it is the caller's. */
  upgrade(path: string): Promise<Duplex>;
  close(): void;
}

const SERVER_NAME = 'any.test';

/** A promise that nobody may be waiting for when it rejects. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

function call1(request: http.ClientRequest, trailers: Fields | undefined): Call {
  const interims: number[] = [];
  if (trailers !== undefined) request.addTrailers(trailers);
  request.on('information', ({ statusCode }) => interims.push(statusCode));
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      const { statusCode = 0, headers } = response;
      resolve({ status: statusCode, fields: headers, body: response, trailers: () => response.trailers });
    });
  });
  return { body: request, interims, answer: quiet(answer), abort: () => void request.destroy() };
}

function client1({ port, root }: Target): Client {
  const options = {
    host: '127.0.0.1',
    port,
    servername: SERVER_NAME,
    ...(root === undefined ? {} : { ca: root, ALPNProtocols: ['http/1.1'] }),
  };
  const agent = root === undefined ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true });
  const { request } = root === undefined ? http : https;
  return {
    version: 'h1',
    open: ({ method, path, fields, trailers }) => call1(request({ ...options, agent, method, path, headers: { ...fields } }), trailers),
    async upgrade(path) {
      const asked = request({ ...options, agent, path, headers: { connection: 'upgrade', upgrade: 'websocket' } }).end();
      return await new Promise((resolve, reject) => {
        asked.on('upgrade', (_response, socket) => resolve(socket));
        asked.on('response', ({ statusCode }) => reject(new Error(`the upgrade was answered by ${statusCode}`)));
        asked.on('error', reject);
      });
    },
    close: () => agent.destroy(),
  };
}

function call2(stream: http2.ClientHttp2Stream, trailers: Fields | undefined): Call {
  const interims: number[] = [];
  let received: http2.IncomingHttpHeaders = {};
  stream.on('headers', (headers) => interims.push(headers[':status'] ?? 0));
  stream.on('trailers', (fields) => (received = fields));
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  const answer = new Promise<Answer>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`the stream was closed by ${stream.rstCode}`)));
    stream.on('response', (headers) => {
      resolve({ status: headers[':status'] ?? 0, fields: headers, body: stream, trailers: () => received });
    });
  });
  return { body: stream, interims, answer: quiet(answer), abort: () => void stream.destroy(new Error('the client leaves')) };
}

/** Windows that do not hold back what a test is about. */
const WINDOW_BYTES = 2 ** 24;

async function client2({ port, root }: Target): Promise<Client> {
  const options = { settings: { initialWindowSize: WINDOW_BYTES }, servername: SERVER_NAME };
  const session =
    root === undefined
      ? http2.connect(`http://127.0.0.1:${port}`, options)
      : http2.connect(`https://127.0.0.1:${port}`, { ...options, ca: root });
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  session.setLocalWindowSize(WINDOW_BYTES);
  return {
    version: 'h2',
    open({ method, path, fields, trailers }) {
      const head = { ':method': method, ':path': path, ':authority': SERVER_NAME, ...fields };
      return call2(session.request(head, { endStream: false, waitForTrailers: trailers !== undefined }), trailers);
    },
    async upgrade(path) {
      const head = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': path, ':authority': SERVER_NAME };
      const stream = session.request(head, { endStream: false });
      const [headers]: (http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader)[] = await once(stream, 'response');
      const status = headers?.[':status'];
      if (status !== 200) throw new Error(`the upgrade was answered by ${status}`);
      return stream;
    },
    close: () => session.destroy(),
  };
}

/** A client: of HTTP/1.1 with as many connections as it needs, of HTTP/2 with one. */
export async function connectClient(version: Version, target: Target): Promise<Client> {
  return version === 'h1' ? client1(target) : await client2(target);
}

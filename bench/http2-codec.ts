/** Nanoseconds per request and response over HTTP/2: through a client's and a server's codec in one process, no sockets. */
import { Http2Connection } from '../src/wire/http2/connection.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../src/wire/http2/options.ts';
import type { FrameSink, Http2Options, Http2Owner, Http2Reader } from '../src/wire/http2/types.ts';
import { headersOf, type HeaderBlock } from '../src/wire/http/headers.ts';
import { latin1 } from '../src/wire/http1/bytes.ts';

const OPTIONS: Http2Options = { ...DEFAULT_HTTP2_OPTIONS, hpackTableBytes: 65_536 };

const REQUEST_FIELDS = [
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36'],
  ['accept', 'application/json, text/plain, */*'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-GB,en;q=0.9'],
  ['authorization', 'Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl'],
  ['cookie', 'session=9b74c9897bac770ffc029102a200c5de; theme=dark; consent=1'],
  ['x-request-id', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
  ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  ['x-forwarded-proto', 'http'],
] as const;
const RESPONSE_FIELDS = [
  ['content-type', 'application/json'],
  ['content-length', '128'],
  ['cache-control', 'no-store'],
  ['server', 'envoy'],
  ['x-envoy-upstream-service-time', '3'],
] as const;

/** Text of what is written in a turn, given to the other end at its end. */
class Pipe implements FrameSink {
  text = '';
  readonly pendingBytes = 0;
  #parts: Uint8Array[] = [];

  writeText(text: string): boolean {
    this.text += text;
    return true;
  }

  writeBytes(bytes: Uint8Array): boolean {
    if (bytes.length < 2048) this.text += latin1(bytes, 0, bytes.length);
    else {
      this.#endText();
      this.#parts.push(Buffer.from(bytes));
    }
    return true;
  }

  take(): Uint8Array[] {
    this.#endText();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  #endText(): void {
    if (this.text !== '') this.#parts.push(Buffer.from(this.text, 'latin1'));
    this.text = '';
  }
}

const NO_OWNER: Omit<Http2Owner, 'onRequest'> = {
  onSettings() {},
  onGoAway() {},
  onPong() {},
  onStreamClosed() {},
  onFatal(error) {
    throw error;
  },
};

const toServer = new Pipe();
const toClient = new Pipe();
let responseHeaders: HeaderBlock = headersOf(RESPONSE_FIELDS);
let body = new Uint8Array(128);
let answered = 0;

const server = new Http2Connection('server', OPTIONS, toClient, {
  ...NO_OWNER,
  onRequest(stream, head, isEnd) {
    head.headers.get('x-request-id');
    const answer = (): void => {
      stream.sendResponse(200, responseHeaders, false);
      stream.sendData(body);
      stream.sendEnd(undefined);
    };
    if (isEnd) answer();
    return { onHead() {}, onData() {}, onEnd: answer, onReset() {}, onDrain() {} };
  },
});
const client = new Http2Connection('client', OPTIONS, toServer, {
  ...NO_OWNER,
  onRequest() {
    throw new Error('a server opened a stream');
  },
});
const reader: Http2Reader = {
  onHead() {},
  onData() {},
  onEnd: () => void answered++,
  onReset(_code, detail) {
    throw new Error(detail);
  },
  onDrain() {},
};

function exchange(): void {
  for (const part of toServer.take()) server.feed(part);
  for (const part of toClient.take()) client.feed(part);
}

/** Requests of one turn of the event loop, as they come from as many connections. */
function turn(requests: number, fields: () => readonly (readonly [string, string])[]): void {
  for (let i = 0; i < requests; i++) {
    client.open(
      {
        method: 'GET',
        path: '/api/v1/orders/8f14e45f?limit=20',
        authority: 'orders.shop',
        scheme: 'http',
        headers: headersOf(fields()),
        upgrade: '',
      },
      true,
      reader,
    );
  }
  exchange();
}

function measure(name: string, perTurn: number, fields: () => readonly (readonly [string, string])[]): void {
  let best = Infinity;
  for (let round = 0; round < 6; round++) {
    const turns = Math.ceil(60_000 / perTurn);
    const start = process.hrtime.bigint();
    for (let i = 0; i < turns; i++) turn(perTurn, fields);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / (turns * perTurn));
  }
  console.log(`${name.padEnd(46)} ${Math.round(best)} ns`);
}

let counter = 0;
exchange();
exchange();
measure('request and response, 1 a turn', 1, () => REQUEST_FIELDS);
measure('request and response, 16 a turn', 16, () => REQUEST_FIELDS);
measure('the same, ids unique', 16, () =>
  REQUEST_FIELDS.map(([name, value]) => [name, name === 'x-request-id' ? `id-${counter++}` : value]),
);
responseHeaders = headersOf(RESPONSE_FIELDS.filter(([name]) => name !== 'content-length'));
body = new Uint8Array(16_384);
measure('response of 16 KiB', 4, () => REQUEST_FIELDS);
console.log(`answered ${answered}`);

/** Our client against our server: whatever the order of what their users do and however bytes are cut, all of it arrives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type HeaderBlock, headersOf } from '../http/headers.ts';
import type { Http2Connection } from './connection.ts';
import { Http2Connection as Connection } from './connection.ts';
import { DEFAULT_HTTP2_OPTIONS } from './options.ts';
import { feed, Tape } from './testing/frames.ts';
import { H2, type Http2Options, type Http2Owner, type Http2Reader, type Http2Stream } from './types.ts';

/** One direction of a stream. */
interface Flow {
  sent: string;
  got: string;
  isSentEnd: boolean;
  isGotEnd: boolean;
  sentTrailers: string;
  gotTrailers: string;
}

interface Exchange {
  readonly up: Flow;
  readonly down: Flow;
  client: Http2Stream | undefined;
  server: Http2Stream | undefined;
  hasHead: boolean;
  isAnswered: boolean;
  isReset: boolean;
}

const flow = (): Flow => ({ sent: '', got: '', isSentEnd: false, isGotEnd: false, sentTrailers: '', gotTrailers: '' });

function reader(exchange: Exchange, into: Flow): Http2Reader {
  return {
    onHead: () => void (exchange.hasHead = true),
    onData(view) {
      assert(!into.isGotEnd, 'data after the end');
      into.got += Buffer.from(view).toString('latin1');
    },
    onEnd(trailers) {
      assert(!into.isGotEnd, 'a second end');
      into.isGotEnd = true;
      into.gotTrailers = trailers?.get('t') ?? '';
    },
    onReset(_code, detail) {
      assert(!exchange.isReset || detail === 'http2.remote_reset', detail);
      exchange.isReset = true;
    },
    onDrain() {},
  };
}

/** Two connections, and what was written and not delivered yet. */
class Pair {
  readonly exchanges: Exchange[] = [];
  readonly client: Http2Connection;
  readonly server: Http2Connection;
  readonly #toServer = new Tape();
  readonly #toClient = new Tape();
  #up = Buffer.alloc(0);
  #down = Buffer.alloc(0);

  constructor(options: Partial<Http2Options>) {
    const owner: Http2Owner = {
      onRequest: (stream, head) => {
        const exchange = this.exchanges[Number(head.path.slice(1))];
        assert(exchange);
        exchange.server = stream;
        return reader(exchange, exchange.up);
      },
      onSettings() {},
      onGoAway() {},
      onPong() {},
      onStreamClosed() {},
      onFatal(error) {
        throw error;
      },
    };
    const both = { ...DEFAULT_HTTP2_OPTIONS, maxConsecutiveEmptyFrames: 10, ...options };
    this.server = new Connection('server', both, this.#toClient, owner);
    this.client = new Connection('client', both, this.#toServer, owner);
  }

  open(): void {
    if (!this.client.canOpen || this.exchanges.length > 40) return;
    const exchange: Exchange = {
      up: flow(),
      down: flow(),
      client: undefined,
      server: undefined,
      hasHead: false,
      isAnswered: false,
      isReset: false,
    };
    const path = `/${this.exchanges.push(exchange) - 1}`;
    const head = { method: 'POST', path, authority: 'a', scheme: 'http', headers: headersOf([['x-id', path]]), upgrade: '' };
    exchange.client = this.client.open(head, false, reader(exchange, exchange.down));
  }

  send(exchange: Exchange, isUp: boolean, length: number): void {
    const into = isUp ? exchange.up : exchange.down;
    const stream = isUp ? exchange.client : exchange.server;
    if (stream === undefined || into.isSentEnd || exchange.isReset) return;
    if (!isUp && !exchange.isAnswered) {
      exchange.isAnswered = true;
      stream.sendResponse(200, headersOf([['x', 'y']]), false);
    }
    const text = String.fromCharCode(65 + (into.sent.length % 26)).repeat(length);
    into.sent += text;
    const borrowed = Buffer.from(text, 'latin1');
    stream.sendData(borrowed);
    borrowed.fill(0);
  }

  end(exchange: Exchange, isUp: boolean, trailers: HeaderBlock | undefined): void {
    const into = isUp ? exchange.up : exchange.down;
    const stream = isUp ? exchange.client : exchange.server;
    if (stream === undefined || into.isSentEnd || exchange.isReset || (!isUp && !exchange.isAnswered)) return;
    into.isSentEnd = true;
    into.sentTrailers = trailers?.get('t') ?? '';
    stream.sendEnd(trailers);
  }

  /** Delivers some bytes one way. */
  deliver(isUp: boolean, most: number): boolean {
    if (isUp) this.#up = Buffer.concat([this.#up, this.#toServer.take()]);
    else this.#down = Buffer.concat([this.#down, this.#toClient.take()]);
    const waiting = isUp ? this.#up : this.#down;
    const bytes = waiting.subarray(0, most);
    if (isUp) this.#up = waiting.subarray(bytes.length);
    else this.#down = waiting.subarray(bytes.length);
    if (bytes.length > 0) feed(isUp ? this.server : this.client, bytes);
    return bytes.length > 0;
  }

  /** Lets everything come to its end. */
  settle(): void {
    for (let isMoving = true; isMoving;) {
      for (const { client, server } of this.exchanges) {
        client?.resume();
        server?.resume();
      }
      const isUp = this.deliver(true, Infinity);
      isMoving = this.deliver(false, Infinity) || isUp;
    }
  }
}

type Step = readonly [
  kind: 'open' | 'send' | 'end' | 'trailers' | 'pause' | 'resume' | 'reset' | 'deliver',
  stream: number,
  isUp: boolean,
  size: number,
];

function run(pair: Pair, [kind, index, isUp, size]: Step): void {
  if (kind === 'deliver') return void pair.deliver(isUp, 1 + size);
  const exchange = pair.exchanges[index % Math.max(1, pair.exchanges.length)];
  if (kind === 'open' || exchange === undefined) return pair.open();
  const stream = isUp ? exchange.client : exchange.server;
  if (kind === 'send') pair.send(exchange, isUp, size);
  else if (kind === 'end') pair.end(exchange, isUp, undefined);
  else if (kind === 'trailers') pair.end(exchange, isUp, headersOf([['t', String(size)]]));
  else if (kind === 'pause') stream?.pause();
  else if (kind === 'resume') stream?.resume();
  else if (size % 8 === 0 && stream !== undefined) {
    exchange.isReset = true;
    stream.reset(H2.CANCEL);
  }
}

const STEP: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('open', 'send', 'send', 'send', 'end', 'trailers', 'pause', 'resume', 'reset', 'deliver', 'deliver', 'deliver'),
  fc.nat(50),
  fc.boolean(),
  fc.oneof(fc.nat(40), fc.nat(3000), fc.nat(90_000)),
);

function check(pair: Pair): void {
  for (const { up, down, isReset } of pair.exchanges) {
    for (const { sent, got, isSentEnd, isGotEnd, sentTrailers, gotTrailers } of [up, down]) {
      assert(sent.startsWith(got), 'what arrives is what was sent');
      if (isReset) continue;
      assert.equal(got.length, sent.length);
      assert.equal(isGotEnd, isSentEnd);
      assert.equal(gotTrailers, sentTrailers);
    }
  }
  const open = pair.exchanges.filter(({ up, down, isReset }) => !isReset && !(up.isSentEnd && down.isSentEnd)).length;
  assert.equal(pair.client.activeStreams, open);
  assert.equal(pair.server.activeStreams, open);
}

test('everything arrives, in any order of steps and however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(STEP, { maxLength: 120 }),
      fc.record({
        streamWindowBytes: fc.constantFrom(65_535, 100_000),
        connectionWindowBytes: fc.constantFrom(65_535, 150_000),
        hpackTableBytes: fc.constantFrom(0, 200, 4096),
      }),
      (steps, options) => {
        const pair = new Pair(options);
        for (const step of steps) run(pair, step);
        pair.settle();
        check(pair);
      },
    ),
    { numRuns: 150 },
  );
});

test('a body of megabytes arrives through small windows, one byte more than they hold', () => {
  const pair = new Pair({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535 });
  pair.open();
  const [exchange] = pair.exchanges;
  assert(exchange);
  pair.settle();
  pair.send(exchange, true, 3_000_001);
  pair.end(exchange, true, headersOf([['t', '1']]));
  pair.send(exchange, false, 65_536);
  pair.end(exchange, false, undefined);
  pair.settle();
  check(pair);
  assert(exchange.hasHead);
});

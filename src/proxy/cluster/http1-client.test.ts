import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import { headersOf } from '../../wire/http/headers.ts';
import { createStats } from '../telemetry/registry.ts';
import type { PoolMember } from './http-member.ts';
import { Http1Client } from './http1-client.ts';
import { clusterHttpStats } from './http-stats.ts';
import type { ResponseReader } from './http-upstream.ts';

/** A connection whose end is told later, as a socket's is. */
class LateConnection implements Connection {
  readonly local = { host: '127.0.0.1', port: 1 };
  readonly remote = { host: '127.0.0.1', port: 2 };
  readonly isClosed = false;
  readonly pendingBytes = 0;
  isDestroyed = false;
  handlers: ConnectionHandlers | undefined;
  read(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
  }
  written = '';
  writeText(text: string): boolean {
    this.written += text;
    return true;
  }
  writeBytes(bytes: Uint8Array): boolean {
    this.written += Buffer.from(bytes).toString('latin1');
    return true;
  }
  gatherWrites(): void {}
  end(): void {}
  destroy(): void {
    this.isDestroyed = true;
  }
  pause(): void {}
  resume(): void {}
}

const reader: ResponseReader = {
  isHead: false,
  onInformational() {},
  onResponseHead() {},
  onResponseData() {},
  onResponseEnd() {},
  onUpstreamDrain() {},
  onUpstreamReset() {},
};

const HTTP1 = { maxHeadBytes: 8192, maxHeaders: 100, passesTrailers: true };
const GET = { method: 'GET', path: '/', authority: 'a', scheme: 'http', headers: headersOf([]), contentLength: 0 };

function served(more = '') {
  const connection = new LateConnection();
  const idle: PoolMember[] = [];
  const stats = clusterHttpStats(createStats());
  const client = new Http1Client(
    connection,
    undefined,
    { stats, onRoom: (each) => idle.push(each), onStreamLimit() {}, onClosed() {} },
    HTTP1,
  );
  client.open();
  client.sendHead(GET, '', true, reader);
  connection.handlers?.onData(Buffer.from(`HTTP/1.1 200 OK\r\n${more}content-length: 2\r\n\r\nok`));
  return { connection, client, idle, stats };
}

test('a connection that the host ended is retired at once, before its socket has closed', () => {
  const { connection, client, idle } = served();
  assert.deepEqual([idle.length, client.isRetired], [1, false]);
  connection.handlers?.onEnd();
  assert.deepEqual([connection.isDestroyed, client.isClosed, client.isRetired], [true, false, true]);
});

test('bytes that nobody asked for retire a connection at once', () => {
  const { connection, client } = served();
  connection.handlers?.onData(Buffer.from('HTTP/1.1 200 OK\r\n'));
  assert.deepEqual([connection.isDestroyed, client.isRetired], [true, true]);
});

test('bytes of both ways are counted, heads and chunks too', () => {
  const { connection, client, stats } = served();
  assert.equal(stats.upstream_cx_rx_bytes_total.value, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'.length);
  client.open();
  client.sendHead({ ...GET, method: 'POST', headers: headersOf([]), contentLength: -1 }, '', false, reader);
  client.sendData(Buffer.from('hello'));
  client.sendEnd(undefined);
  assert.match(connection.written, /\r\n5\r\nhello\r\n0\r\n\r\n$/);
  assert.equal(stats.upstream_cx_tx_bytes_total.value, connection.written.length);
});

for (const [field, want] of [
  ['', Infinity],
  ['Keep-Alive: timeout=5\r\n', 4000],
  ['keep-alive: max=100, timeout=2\r\n', 1000],
  ['keep-alive: timeout=1\r\n', 500],
  ['keep-alive: timeout=0\r\n', 0],
  ['keep-alive: timeout=soon\r\n', Infinity],
] as const) {
  test(`a connection is kept for ${want} ms by ${JSON.stringify(field)}`, () => {
    assert.equal(served(field).client.keptMs, want);
  });
}

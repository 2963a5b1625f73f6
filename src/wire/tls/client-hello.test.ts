import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import fc from 'fast-check';
import { portOf } from '../../net/testing/port-of.ts';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { CLIENT_HELLO_BYTES_MAX, parseClientHello } from './client-hello.ts';

/** The first flight of Node's own TLS client. */
async function realHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const server = net.createServer((socket) => {
    socket.once('data', (data) => {
      resolve(data);
      socket.destroy();
      server.close();
    });
  });
  server.listen(0, '127.0.0.1', () => {
    tls.connect({ ...options, host: '127.0.0.1', port: portOf(server) }).on('error', () => {});
  });
  return await promise;
}

const cases: readonly { name: string; options: tls.ConnectionOptions; serverName: string; alpn: string[] }[] = [
  {
    name: 'name and protocols',
    options: { servername: 'Shop.Example', ALPNProtocols: ['istio-http/1.1', 'istio'] },
    serverName: 'shop.example',
    alpn: ['istio-http/1.1', 'istio'],
  },
  { name: 'neither', options: { servername: '' }, serverName: '', alpn: [] },
  { name: 'TLS 1.2', options: { servername: 'a.b', maxVersion: 'TLSv1.2', ALPNProtocols: ['h2'] }, serverName: 'a.b', alpn: ['h2'] },
];

for (const { name, options, serverName, alpn } of cases) {
  test(`parseClientHello() reads a real ClientHello: ${name}`, async () => {
    const bytes = await realHello(options);
    const length = 5 + bytes.readUInt16BE(3);
    const message = new Uint8Array(bytes.subarray(5, length));
    assert.deepEqual(parseClientHello(bytes), { kind: 'hello', hello: { serverName, alpn, message } });
    for (let i = 0; i < length; i++) assert.equal(parseClientHello(bytes.subarray(0, i)).kind, 'incomplete', `after ${i} bytes`);
  });
}

test('parseClientHello() joins a ClientHello cut into many records', async () => {
  const whole = await realHello({ servername: 'cut.example', ALPNProtocols: ['x'] });
  const message = whole.subarray(5, 5 + whole.readUInt16BE(3));
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += 50) {
    const piece = message.subarray(at, at + 50);
    records.push(Buffer.of(22, 3, 1, 0, piece.length), piece);
  }
  assert.deepEqual(parseClientHello(Buffer.concat(records)), {
    kind: 'hello',
    hello: { serverName: 'cut.example', alpn: ['x'], message: new Uint8Array(message) },
  });
});

const refused: readonly [name: string, bytes: Uint8Array][] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['one byte of HTTP', Buffer.from('G')],
  ['an alert record', Buffer.of(21, 3, 3, 0, 2, 1, 0)],
  ['an SSL 2 hello', Buffer.of(0x80, 0x2e, 1, 0, 2)],
  ['a ServerHello', Buffer.of(22, 3, 3, 0, 4, 2, 0, 0, 0)],
  ['an empty record', Buffer.of(22, 3, 1, 0, 0)],
  ['a record above the limit', Buffer.of(22, 3, 1, 0x40, 1)],
  ['a message above the limit', Buffer.of(22, 3, 1, 0, 4, 1, 1, 0, 0)],
  ['a message shorter than its parts', Buffer.of(22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3)],
  ['records without end', Buffer.concat(Array.from({ length: 4000 }, () => Buffer.of(22, 3, 1, 0, 1, 1)))],
];

for (const [name, bytes] of refused) {
  test(`parseClientHello() takes for no TLS: ${name}`, () => {
    assert.equal(parseClientHello(bytes).kind, 'not-tls');
  });
}

test('parseClientHello() never throws, and decides once the limit is reached', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, isRecord) => {
      const input = isRecord ? Buffer.concat([Buffer.of(22, 3, 1, bytes.length >> 8, bytes.length & 255), bytes]) : bytes;
      assert.ok(['hello', 'incomplete', 'not-tls'].includes(parseClientHello(input).kind));
    }),
    { numRuns: fuzzRuns(300) },
  );
  assert.notEqual(parseClientHello(Buffer.alloc(CLIENT_HELLO_BYTES_MAX, 22)).kind, 'incomplete');
});

test('parseClientHello() survives any change of a real ClientHello, and does not change its mind', async () => {
  const bytes = await realHello({ servername: 'fuzz.example', ALPNProtocols: ['h2', 'http/1.1'] });
  const edit = fc.record({
    at: fc.nat(bytes.length - 1),
    remove: fc.constantFrom(0, 1, 5),
    insert: fc.uint8Array({ maxLength: 3 }),
    value: fc.nat(255),
  });
  const property = fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), fc.nat(bytes.length), (edits, cut) => {
    let changed = bytes;
    for (const { at, remove, insert, value } of edits) {
      changed = Buffer.concat([changed.subarray(0, at), Buffer.of(value), insert, changed.subarray(at + 1 + remove)]);
    }
    const whole = parseClientHello(changed);
    const part = parseClientHello(changed.subarray(0, cut));
    if (part.kind !== 'incomplete') assert.deepEqual(part, whole);
  });
  fc.assert(property, { numRuns: fuzzRuns(500) });
});

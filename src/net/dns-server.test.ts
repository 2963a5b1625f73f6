import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../core/log.ts';
import { parseDnsMessage } from '../wire/dns/message.ts';
import type { DnsServerOptions } from './dns-server.ts';
import { startDnsServer } from './dns-server.ts';

function serving(table: Readonly<Record<string, readonly string[]>>): DnsServerOptions['resolve'] {
  return (name, type) => table[name]?.filter((address) => address.includes(':') === (type === 'AAAA'));
}

const base = { address: '127.0.0.1', port: 0, upstreams: [], log: silentLog };

function clientOf(port: number): Resolver {
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}

test('answers mesh names and forwards the rest', async (t) => {
  const upstream = await startDnsServer({ ...base, resolve: serving({ 'example.test': ['192.0.2.7'] }) });
  t.after(() => upstream.close());
  const server = await startDnsServer({
    ...base,
    resolve: serving({ payments: ['10.0.0.1', 'fd00::1'] }),
    upstreams: [{ address: '127.0.0.1', port: upstream.port }],
  });
  t.after(() => server.close());
  const client = clientOf(server.port);
  assert.deepEqual(await client.resolve4('payments'), ['10.0.0.1']);
  assert.deepEqual(await client.resolve6('payments'), ['fd00::1']);
  assert.deepEqual(await client.resolve4('example.test'), ['192.0.2.7']);
  await assert.rejects(client.resolve4('nowhere.test'), { code: 'ENOTFOUND' });
});

test('the second upstream answers where the first is gone', async (t) => {
  const gone = createSocket('udp4').bind(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port: gonePort } = gone.address();
  gone.close();
  const upstream = await startDnsServer({ ...base, resolve: serving({ 'example.test': ['192.0.2.7'] }) });
  t.after(() => upstream.close());
  const upstreams = [gonePort, upstream.port].map((port) => ({ address: '127.0.0.1', port }));
  const server = await startDnsServer({ ...base, resolve: serving({}), upstreams });
  t.after(() => server.close());
  assert.deepEqual(await clientOf(server.port).resolve4('example.test'), ['192.0.2.7']);
});

test('an answer too long for UDP comes over TCP', async (t) => {
  const many = Array.from({ length: 200 }, (_, i) => `10.0.1.${i}`);
  const server = await startDnsServer({ ...base, resolve: serving({ many }) });
  t.after(() => server.close());
  assert.deepEqual((await clientOf(server.port).resolve4('many')).toSorted(), many.toSorted());
});

test('what is no query is answered FORMERR over UDP, and a response not at all', async (t) => {
  const server = await startDnsServer({ ...base, resolve: serving({ payments: ['10.0.0.1'] }) });
  t.after(() => server.close());
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.send(Buffer.from('000981000000000000000000', 'hex')); // a response: must stay unanswered
  socket.send(Buffer.from('000801000001000000000000', 'hex')); // says one question, has none
  const [answer] = await once(socket, 'message');
  assert.equal(Buffer.from(answer).toString('hex'), '000880010000000000000000');
});

test('TCP: queries in one packet and in pieces are answered in order', async (t) => {
  const server = await startDnsServer({ ...base, resolve: serving({ a: ['10.0.0.1'], b: ['10.0.0.2'] }) });
  t.after(() => server.close());
  const ask = (id: number, label: string): string => `0013000${id}01000001000000000000 01${label}00 00010001`.replaceAll(' ', '');
  const bytes = Buffer.from(ask(1, '61') + ask(2, '62'), 'hex');
  const socket = connect(server.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(bytes.subarray(0, 5));
  socket.write(bytes.subarray(5));
  let received = Buffer.alloc(0);
  const ids: number[] = [];
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    while (received.length > 2 && received.length >= 2 + received.readUInt16BE(0)) {
      ids.push(parseDnsMessage(received.subarray(2, 2 + received.readUInt16BE(0))).id);
      received = received.subarray(2 + received.readUInt16BE(0));
    }
    if (ids.length === 2) break;
  }
  assert.deepEqual(ids, [1, 2]);
});

/** Options of the connection manager about whole connections and ids of requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { anyPack, type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { UuidRequestIdConfigSchema } from '../../xds/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import type { PeerTls } from '../listener/connection.ts';
import { counter, GET, type Options, setUp } from '../testing/hcm-setup.ts';

function ms(count: number): Duration {
  return create(DurationSchema, { nanos: count * 1_000_000 });
}

test('a connection of HTTP/1.1 that is too old ends after a while, or where it is to be safe with a response only', async (t) => {
  const hcm = { commonHttpProtocolOptions: { maxConnectionDuration: ms(20) }, drainTimeout: ms(20) };
  const plain = await setUp(t, { hcm });
  assert.equal(await (await plain.dial()).closed(), '');
  // long enough for the first request of a busy machine
  const common = { maxConnectionDuration: ms(400) };
  const safe = await setUp(t, { hcm: { ...hcm, commonHttpProtocolOptions: common, http1SafeMaxConnectionDuration: true } });
  const client = await safe.dial();
  client.send(GET);
  await client.until(/hello$/);
  client.clear();
  while (counter(safe.proxy, 'http.test', 'downstream_cx_max_duration_reached') === 0) await setTimeout(5);
  await setTimeout(60);
  client.send(GET);
  assert.match(await client.closed(), /^HTTP\/1.1 200 OK\r\n[^]*\r\nconnection: close\r\n[^]*hello$/);
});

const PEER: PeerTls = {
  uriSans: [],
  dnsSans: [],
  subject: '',
  fingerprint: '',
  protocol: 'TLSv1.3',
  cipher: '',
  alpn: '',
  localUriSans: [],
};

/** What is no text of HTTP/1.1, and long enough to be a frame. */
const FRAMES = /^(?!HTTP)[^]{9}/;

test('AUTO: ALPN says what a connection speaks, or else its first bytes', async (t) => {
  const settings = '\0\0\0\x04\0\0\0\0\0';
  const cases: readonly (readonly [tls: Options['tls'], pieces: readonly string[], answer: RegExp])[] = [
    [undefined, [GET], /^HTTP\/1.1 200/],
    [undefined, ['PRI * ', 'x HTTP/1.1\r\n\r\n'], /^HTTP\/1.1 400/],
    [undefined, ['PRI * HT', 'TP/2.0\r\n\r\nSM\r\n\r\n', settings], FRAMES],
    [{ ...PEER, alpn: 'http/1.1' }, ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', settings], /^HTTP\/1.1 [45]/],
    [{ ...PEER, alpn: 'h2' }, [GET], FRAMES],
    [{ ...PEER, alpn: 'other' }, [GET], /^HTTP\/1.1 200/],
  ];
  for (const [tls, pieces, answer] of cases) {
    const { dial } = await setUp(t, tls === undefined ? {} : { tls });
    const client = await dial();
    for (const piece of pieces) {
      client.send(piece);
      await setTimeout(5);
    }
    await client.until(answer);
  }
});

test('ids of requests: made, kept, answered and marked as configured', async (t) => {
  const own = '00112233-4455-4677-8899-aabbccddeeff';
  const edge = { useRemoteAddress: true } as const;
  const traced = { tracing: { randomSampling: { value: 100 } } } as const;
  const keepsAll = { typedConfig: anyPack(UuidRequestIdConfigSchema, create(UuidRequestIdConfigSchema, { packTraceReason: false })) };
  const cases: readonly (readonly [name: string, hcm: NonNullable<Options['hcm']>, sent: RegExp, answer: RegExp])[] = [
    ['a stranger brings none', edge, /x-request-id: (?!00112233)[0-9a-f-]{36}\r\n/, /^(?![^]*x-request-id)/],
    ['it is kept', { ...edge, preserveExternalRequestId: true }, new RegExp(`x-request-id: ${own}`), /^(?![^]*x-request-id)/],
    ['it is answered', { alwaysSetRequestIdInResponse: true }, new RegExp(`x-request-id: ${own}`), new RegExp(`x-request-id: ${own}`)],
    ['it stays where none is made', { ...edge, generateRequestId: false }, new RegExp(`x-request-id: ${own}`), /^(?![^]*x-request-id)/],
    ['it says that it is traced', traced, /x-request-id: 00112233-4455-9677-8899-aabbccddeeff/, /./],
    ['it does not say so', { ...traced, requestIdExtension: keepsAll }, new RegExp(`x-request-id: ${own}`), /./],
  ];
  for (const [name, hcm, sent, answer] of cases) {
    const { ask, seen } = await setUp(t, { hcm });
    const text = await ask(`GET / HTTP/1.1\r\nhost: a\r\nx-request-id: ${own}\r\n\r\n`);
    assert.match(seen[0] ?? '', sent, name);
    assert.match(text, answer, name);
  }
});

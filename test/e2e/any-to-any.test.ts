/** HTTP/1.1 and HTTP/2 on either side of a proxy, in clear text and over TLS: nothing is lost, added or held back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { before, describe, test } from 'node:test';
import { until } from '../../src/core/testing/eventually.ts';
import { bodyOf, type Digest, digestOf, digestOfBody, MIB } from './http-body.ts';
import type { Answer, Asked, Client } from './http-client.ts';
import { type Pair, type PairedProxy, PAIRS, startPairs } from './pairs.ts';
import { wholeFile } from './static-proxy.ts';

const SIZES = [0, 1, 16 * 1024, MIB];
const LARGE_BYTES = 64 * MIB;
const CONCURRENT = 100;

const lifetime = wholeFile();
let world: PairedProxy;
before(async () => {
  world = await startPairs(lifetime);
});

/** Sends a request with a body of so many bytes, and reads what comes back. */
async function send(client: Client, asked: Asked, bytes: number): Promise<{ answer: Answer; digest: Digest; interims: readonly number[] }> {
  const call = client.open(asked);
  const sent = pipeline(bodyOf(bytes), call.body);
  const answer = await call.answer;
  const [digest] = await Promise.all([digestOf(answer.body), sent]);
  return { answer, digest, interims: call.interims };
}

const post = (fields: Asked['fields'] = {}, trailers?: Asked['trailers']): Asked => ({
  method: 'POST',
  path: '/echo',
  fields,
  ...(trailers === undefined ? {} : { trailers }),
});

/** A request whose body's length is not known ahead. */
const unknown = ({ client }: Pair): Asked['fields'] => (client === 'h1' ? { 'transfer-encoding': 'chunked' } : {});

const LARGE_PIECE = Buffer.alloc(200_000, 'y');

for (const pair of PAIRS) {
  describe(pair.name, () => {
    let client: Client;
    before(async () => {
      client = await world.connect(pair);
    });

    test('bodies with a length', async () => {
      for (const bytes of SIZES) {
        const { answer, digest } = await send(client, post({ 'content-length': String(bytes) }), bytes);
        assert.deepEqual(digest, digestOfBody(bytes));
        assert.equal(answer.fields['x-length'], String(bytes), 'the origin knew the length');
        assert.equal(answer.fields['content-length'], String(bytes), 'the client knew the length');
      }
    });

    test('bodies of a length that is not known ahead', async () => {
      for (const bytes of SIZES) {
        const { answer, digest } = await send(client, post(unknown(pair)), bytes);
        assert.deepEqual(digest, digestOfBody(bytes));
        assert.equal(answer.fields['content-length'], undefined);
      }
    });

    test('64 MiB both ways at once', async () => {
      const { digest } = await send(client, post(unknown(pair)), LARGE_BYTES);
      assert.deepEqual(digest, digestOfBody(LARGE_BYTES));
    });

    test('trailers both ways', async () => {
      const { answer, digest } = await send(client, post(unknown(pair), { 'x-sum': 'abc', 'grpc-status': '0' }), 1000);
      assert.deepEqual(digest, digestOfBody(1000));
      assert.equal(answer.trailers()['x-sum'], 'abc');
      assert.equal(answer.trailers()['grpc-status'], '0');
    });

    test('100 requests at once', async () => {
      const sizes = Array.from({ length: CONCURRENT }, (_, index) => index * 997);
      const digests = await Promise.all(sizes.map(async (bytes) => (await send(client, post(unknown(pair)), bytes)).digest));
      assert.deepEqual(digests, sizes.map(digestOfBody));
    });

    test('each piece is passed on before the next one comes', async () => {
      const call = client.open(post({ ...unknown(pair), 'content-type': 'application/grpc', te: 'trailers' }, { 'grpc-status': '0' }));
      call.body.write('0');
      const answer = await call.answer;
      const { body } = answer;
      for (let i = 0; i < 50; i++) {
        const [piece]: unknown[] = await once(body, 'data');
        assert.equal(String(piece), String(i));
        if (i < 49) call.body.write(String(i + 1));
      }
      call.body.end();
      await digestOf(body);
      assert.equal(answer.trailers()['grpc-status'], '0');
    });

    for (const { method, code } of [
      { method: 'HEAD', code: 200 },
      { method: 'GET', code: 204 },
      { method: 'GET', code: 304 },
    ]) {
      test(`${method} ${code}: no body, and the next request goes on`, async () => {
        for (let i = 0; i < 2; i++) {
          const { answer, digest } = await send(client, { method, path: `/status/${code}` }, 0);
          assert.equal(answer.status, code);
          assert.equal(answer.fields['x-status'], String(code));
          assert.equal(digest.bytes, 0);
        }
      });
    }

    test('103 before the answer', async () => {
      const { answer, interims } = await send(client, { method: 'GET', path: '/hints' }, 0);
      assert.equal(answer.status, 200);
      assert.deepEqual(interims, [103]);
    });

    test('an answer before the end of the request', async () => {
      const call = client.open({ ...post(unknown(pair)), path: '/early' });
      call.body.on('error', () => {});
      call.body.write('a piece');
      const answer = await call.answer;
      assert.equal(answer.status, 413);
      assert.equal((await digestOf(answer.body)).bytes, 8);
      call.abort();
      assert.equal((await send(client, post(), 3)).answer.status, 200);
    });

    test('a client that leaves within its body is seen by the origin', async () => {
      const path = `/hold?${pair.name}`.replaceAll(/[ ,]/g, '-');
      const call = client.open({ ...post(unknown(pair)), path });
      call.body.on('error', () => {});
      call.body.write('a piece');
      await until(() => world.origin(pair).end(path) === 'open');
      call.abort();
      await until(() => world.origin(pair).end(path) !== 'open');
      assert.equal(world.origin(pair).end(path), 'cut');
      assert.equal((await send(client, post(), 3)).answer.status, 200);
    });

    test('a WebSocket', async () => {
      const tunnel = await client.upgrade('/socket');
      for (const text of ['a', 'bc']) {
        tunnel.write(text);
        const [piece]: unknown[] = await once(tunnel, 'data');
        assert.equal(String(piece), text);
      }
      tunnel.end(LARGE_PIECE);
      assert.equal((await digestOf(tunnel)).bytes, LARGE_PIECE.length);
    });

    test('an origin that leaves within its body is seen by the client', async () => {
      const call = client.open({ method: 'GET', path: '/cut' });
      call.body.end();
      const answer = await call.answer;
      assert.equal(answer.status, 200);
      await assert.rejects(digestOf(answer.body));
      assert.equal((await send(client, post(), 3)).answer.status, 200);
    });
  });
}

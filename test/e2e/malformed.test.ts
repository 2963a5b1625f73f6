/** Requests that are none, over a raw socket to a running gateway: each is refused with its status, and the connection closed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { portOf } from '../../src/net/testing/port-of.ts';
import { TestMesh } from './harness.ts';
import { answeringGateway } from './mesh-documents.ts';

let mesh: TestMesh;
let port = 0;

before(async () => {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  port = portOf(probe);
  await new Promise((resolve) => probe.close(resolve));
  mesh = TestMesh.start('explicit', { files: { 'edge.yaml': answeringGateway(port, '{ status: 200, body: { string: fine } }') } });
  await mesh.until('the gateway', async () =>
    (await exchange('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')).startsWith('HTTP/1.1 200'),
  );
});
after(() => mesh.stop());

/** Everything that comes back until the gateway closes. */
async function exchange(text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (answer += chunk));
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return answer;
}

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

const CASES: readonly { readonly name: string; readonly text: string; readonly status?: number }[] = [
  {
    name: 'content-length and transfer-encoding',
    text: `${head('POST / HTTP/1.1', 'host: a', 'content-length: 4', 'transfer-encoding: chunked')}0\r\n\r\n`,
  },
  { name: 'two different lengths', text: `${head('POST / HTTP/1.1', 'host: a', 'content-length: 4', 'content-length: 5')}body!` },
  { name: 'a length that is no number', text: head('POST / HTTP/1.1', 'host: a', 'content-length: +4') },
  { name: 'an unknown transfer-encoding', text: head('POST / HTTP/1.1', 'host: a', 'transfer-encoding: chunked, gzip'), status: 501 },
  // its head is answered before its body is read
  { name: 'a chunk size with a sign', status: 200, text: `${head('POST / HTTP/1.1', 'host: a', 'transfer-encoding: chunked')}-1\r\n\r\n` },
  { name: 'bare LF after the request line', text: 'GET / HTTP/1.1\nhost: a\r\n\r\n' },
  { name: 'bare LF after a header', text: 'GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n' },
  { name: 'bare CR in a header', text: head('GET / HTTP/1.1', 'host: a', 'x: y\rz') },
  { name: 'a folded header (obs-fold)', text: 'GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n' },
  { name: 'NUL in a value', text: head('GET / HTTP/1.1', 'host: a', 'x: y\0z') },
  { name: 'NUL in the path', text: head('GET /\0 HTTP/1.1', 'host: a') },
  { name: 'a space before the colon', text: head('GET / HTTP/1.1', 'host : a') },
  { name: 'a header without a name', text: head('GET / HTTP/1.1', 'host: a', ': x') },
  { name: 'no host', text: head('GET / HTTP/1.1', 'x: y') },
  { name: 'two hosts', text: head('GET / HTTP/1.1', 'host: a', 'host: b') },
  { name: 'another protocol', text: head('GET / HTCPCP/1.0', 'host: a') },
  { name: 'headers that are too long', text: head('GET / HTTP/1.1', 'host: a', `x: ${'y'.repeat(70_000)}`), status: 431 },
  {
    name: 'too many headers',
    text: head('GET / HTTP/1.1', 'host: a', ...Array.from({ length: 120 }, (_, index) => `x${index}: y`)),
    status: 431,
  },
];

for (const { name, text, status = 400 } of CASES) {
  test(`${name}: ${status}, closed`, async () => {
    // a second request behind the first must not be answered
    const answer = await exchange(`${text}${head('GET /smuggled HTTP/1.1', 'host: a')}`);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.equal(answer.split('HTTP/1.1 ').length, 2, answer);
    assert.match(answer, /\r\nconnection: close\r\n/i);
  });
}

test('the gateway goes on', async () => {
  const answer = await exchange(head('GET / HTTP/1.1', 'host: a', 'connection: close'));
  assert.match(answer, /^HTTP\/1\.1 200 [^]*fine$/);
});

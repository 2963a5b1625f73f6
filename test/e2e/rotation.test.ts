/** Certificates change under load: no connection is lost, no handshake fails, and new ones get the new certificate. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../../src/net/testing/port-of.ts';
import { createAuthority } from '../../src/net/testing/authority.ts';
import type { TestKeyPair } from '../../src/net/testing/certificates.ts';
import { cluster, startStaticProxy, tcpListener, tlsSocket, typed } from './static-proxy.ts';

const ROTATIONS = 10;
const AT_ONCE = 8;
const EXCHANGES_BETWEEN = 20;
const SETTLED_MS = 150;

const inline = (text: string): JsonObject => ({ inline_string: text });

/** A secret's file in a folder, replaced as a whole. */
function write(folder: string, name: string, secret: JsonObject): void {
  const resources = [typed('envoy.extensions.transport_sockets.tls.v3.Secret', { name, ...secret })];
  const file = path.join(folder, `${name}.json`);
  writeFileSync(`${file}.new`, JSON.stringify({ resources }));
  renameSync(`${file}.new`, file);
}

function writePair(folder: string, name: string, pair: TestKeyPair): void {
  write(folder, name, { tls_certificate: { certificate_chain: inline(pair.certificateChain), private_key: inline(pair.privateKey) } });
}

const secret = (folder: string, name: string): JsonObject => ({
  name,
  sds_config: { path_config_source: { path: path.join(folder, `${name}.json`), watched_directory: { path: folder } } },
});

const common = (folder: string, pair: string): JsonObject => ({
  tls_certificate_sds_secret_configs: [secret(folder, pair)],
  validation_context_sds_secret_config: secret(folder, 'roots'),
});

/** Connects, and gives back what an echo answers; throws where the connection is lost before. */
async function exchange(port: number, text: string): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let seen = '';
  socket.on('data', (bytes) => {
    seen += bytes.toString();
    if (seen === text) socket.end();
  });
  socket.write(text);
  await once(socket, 'close');
  assert.equal(seen, text);
}

/** The certificate that a listener shows now, by its subject. */
async function shownBy(port: number, client: TestKeyPair): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, cert: client.certificateChain, key: client.privateKey });
  await once(socket, 'secureConnect');
  const subject = socket.getPeerX509Certificate()?.subject ?? '';
  socket.destroy();
  return subject;
}

test('certificates rotate under load, and what is broken leaves what was', async (t) => {
  const ca = createAuthority('mesh');
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-rotation-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const issue = (subject: string): TestKeyPair => ca.issue({ names: 'URI:spiffe://mesh.test/a', subject: `/CN=${subject}` });
  writePair(folder, 'server', issue('server-0'));
  writePair(folder, 'client', issue('client-0'));
  write(folder, 'roots', { validation_context: { trusted_ca: inline(ca.certificateChain) } });
  // before the load: openssl would hold it up
  const renewed = Array.from({ length: ROTATIONS }, (_, i) => [issue(`server-${i + 1}`), issue(`client-${i + 1}`)] as const);
  const probe = issue('probe');
  const echo = net.createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  t.after(() => echo.close());

  const inner = await startStaticProxy(t, () => ({
    listeners: [
      tcpListener('in', 'app', { chain: tlsSocket('Downstream', common(folder, 'server'), { require_client_certificate: true }) }),
    ],
    clusters: [cluster('app', portOf(echo))],
  }));
  const secured = await inner.port('in');
  const outer = await startStaticProxy(t, () => ({
    listeners: [tcpListener('out', 'secure')],
    clusters: [cluster('secure', secured, tlsSocket('Upstream', common(folder, 'client')))],
  }));
  const port = await outer.port('out');

  const lasting = net.connect(port, '127.0.0.1');
  await once(lasting, 'connect');
  lasting.write('before');
  await once(lasting, 'data');

  let isOver = false;
  let count = 0;
  const failures: unknown[] = [];
  const load = Array.from({ length: AT_ONCE }, async () => {
    while (!isOver) {
      await exchange(port, `exchange ${count++}`).catch((error: unknown) => failures.push(error));
    }
  });
  const shown: string[] = [];
  for (const [at, [server, client]] of renewed.entries()) {
    const i = at + 1;
    writePair(folder, 'server', server);
    writePair(folder, 'client', client);
    while (count < i * EXCHANGES_BETWEEN) await sleep(10);
    for (let tries = 0; tries < 2000 && shown.at(-1) !== `CN=server-${i}`; tries++) {
      await sleep(50);
      shown[at] = await shownBy(secured, probe);
    }
  }
  write(folder, 'server', { tls_certificate: { certificate_chain: inline('nonsense'), private_key: inline('nonsense') } });
  await sleep(SETTLED_MS);
  shown.push(await shownBy(secured, probe));
  isOver = true;
  await Promise.all(load);
  lasting.write('after');
  assert.equal(String((await once(lasting, 'data'))[0]), 'after');
  lasting.destroy();

  assert.deepEqual(failures, []);
  const names = Array.from({ length: ROTATIONS }, (_, i) => `CN=server-${i + 1}`);
  assert.deepEqual(shown, [...names, names.at(-1)]);
  assert.equal(await inner.stat(/^listener\..*\.ssl\.connection_error/), 0);
  assert.equal(await outer.stat(/^cluster\.secure\.ssl\.connection_error/), 0);
});

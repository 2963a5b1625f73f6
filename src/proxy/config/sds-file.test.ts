import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { createLog } from '../../core/log.ts';
import { createAuthority } from '../../net/testing/authority.ts';
import { ConfigSourceSchema } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { watchSecretFile } from './sds-file.ts';
import { noSources } from './testing/no-sources.ts';
import { Secrets } from './secrets.ts';

/** Longer than a watched folder takes to settle, in milliseconds. */
const SETTLED_MS = 200;

const ca = createAuthority('root');
const [server, renewed] = [ca.issue({ names: 'DNS:a.test' }), ca.issue({ names: 'DNS:a.test' })];

/** Secrets of a file in a folder of its own, and what happens to them. */
function folder(t: TestContext) {
  const at = mkdtempSync(path.join(tmpdir(), 'tulle-sds-'));
  const warnings: string[] = [];
  const log = createLog(
    (line) => warnings.push(line),
    () => 0,
  );
  const stops: (() => void)[] = [];
  t.after(() => {
    for (const stop of stops) stop();
    rmSync(at, { recursive: true });
  });
  const secrets = new Secrets({
    subscriptions: { subscribe() {}, unsubscribe() {} },
    ownNames: new Set(),
    readSource: noSources,
    watchFile: (file, directory, onSecrets) => void stops.push(watchSecretFile(file, directory, onSecrets, log)),
    onBadSecret: (name, reason) => void warnings.push(`${name}: ${reason}`),
  });
  const put = (name: string, text: string): void => {
    writeFileSync(path.join(at, `${name}.new`), text);
    renameSync(path.join(at, `${name}.new`), path.join(at, name));
  };
  const certificate = { certificate_chain: { filename: path.join(at, 'c.pem') }, private_key: { filename: path.join(at, 'k.pem') } };
  const secret = { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', name: 'own' };
  put('sds.json', JSON.stringify({ resources: [{ ...secret, tls_certificate: certificate }] }));
  const source = create(ConfigSourceSchema, { configSourceSpecifier: { case: 'path', value: path.join(at, 'sds.json') } });
  return { secrets, put, warnings, source };
}

test('a secret is new when its files hold something else, whatever else changes beside them', async (t) => {
  const { secrets, put, warnings, source } = folder(t);
  put('c.pem', server.certificateChain);
  put('k.pem', server.privateKey);
  let changes = 0;
  const own = secrets.keyPair('own', source);
  own.watch(() => changes++);
  await sleep(SETTLED_MS);
  assert.equal(changes, 1);
  put('access.log', 'a line');
  await sleep(SETTLED_MS);
  put('c.pem', server.certificateChain);
  await sleep(SETTLED_MS);
  assert.equal(changes, 1);
  put('c.pem', renewed.certificateChain);
  put('k.pem', renewed.privateKey);
  await sleep(SETTLED_MS);
  assert.equal(changes, 2);
  assert.equal(own.current()?.certificateChain, renewed.certificateChain);
  assert.deepEqual(warnings, []);
});

test('what is wrong is said once, and tried again when files come', async (t) => {
  const { secrets, put, warnings, source } = folder(t);
  const own = secrets.keyPair('own', source);
  own.watch(() => {});
  await sleep(SETTLED_MS);
  put('access.log', 'a line');
  await sleep(SETTLED_MS);
  assert.equal(warnings.length, 1, warnings.join(''));
  assert.match(warnings[0] ?? '', /secrets cannot be read .*c\.pem/);
  put('k.pem', server.privateKey);
  put('c.pem', server.certificateChain);
  await sleep(SETTLED_MS);
  assert.equal(own.current()?.certificateChain, server.certificateChain);
  put('c.pem', renewed.certificateChain);
  await sleep(SETTLED_MS);
  put('access.log', 'another line');
  await sleep(SETTLED_MS);
  assert.equal(own.current()?.certificateChain, server.certificateChain);
  assert.equal(warnings.filter((line) => line.includes('mismatch')).length, 2, warnings.join(''));
});

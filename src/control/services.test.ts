/** Istio's certificate signing over a real socket. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { callUnary, grpcError } from '../net/grpc-client.ts';
import { IstioCertificateService } from '../xds/gen/istio/v1/auth/ca_pb.ts';
import { openTokens } from './ca/tokens.ts';
import { startControlPlane } from './main.ts';
import { lineCompiler } from './testing/line-compiler.ts';

const HOUR_MS = 3_600_000;

test('a token gets a certificate for its identity, whatever the request names', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  const stateDir = path.join(folder, '.tulle');
  const plane = await startControlPlane({ folder, stateDir, compiler: lineCompiler, log: silentLog });
  t.after(async () => {
    await plane.close();
    await rm(folder, { recursive: true });
  });
  const make = ['req', '-new', '-newkey', 'ed25519', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x'];
  const csr = spawnSync('openssl', [...make, '-addext', 'subjectAltName=URI:spiffe://cluster.local/ns/shop/sa/admin'], {
    encoding: 'utf8',
  }).stdout;
  const token = (await openTokens(stateDir, systemClock)).issue({ namespace: 'shop', serviceAccount: 'web' });
  const ask = (request: { csr: string; validityDuration?: bigint }, credential?: string): Promise<string[]> =>
    callUnary({ path: plane.xdsSocket }, IstioCertificateService.method.createCertificate, request, {
      token: () => credential,
      timeoutMs: 5000,
    }).then(({ certChain }) => certChain);

  const [leaf = '', root] = await ask({ csr, validityDuration: 3600n }, token);
  const certificate = new X509Certificate(leaf);
  assert.equal(certificate.subjectAltName, 'URI:spiffe://cluster.local/ns/shop/sa/web');
  assert.ok(certificate.validToDate.getTime() - Date.now() <= HOUR_MS);
  assert.equal(root, plane.rootCertificate);

  const refusals = [
    { name: 'no token', request: { csr }, credential: undefined, want: /needs a token/ },
    { name: 'a forged token', request: { csr }, credential: `${token}x`, want: /not made by this control plane/ },
    { name: 'no request', request: { csr: '' }, credential: token, want: /no PEM block/ },
  ];
  for (const { name, request, credential, want } of refusals) {
    const refused = await ask(request, credential).then(() => undefined, grpcError);
    assert.equal(refused?.isRefused, true, name);
    assert.match(refused.message, want);
  }
});

test('a server that is not there is no refusal', async () => {
  const call = callUnary(
    { path: '/nowhere/at/all.sock' },
    IstioCertificateService.method.createCertificate,
    { csr: '' },
    { timeoutMs: 5000 },
  );
  const failed = await call.then(() => undefined, grpcError);
  assert.equal(failed?.isRefused, false);
});

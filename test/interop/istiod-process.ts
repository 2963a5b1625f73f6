/**
 * Istio's own control plane over a folder, without Kubernetes: a `pilot-discovery` with its certificate authority, which
 * signs for whoever bears a token of an issuer that stands beside it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { portOf } from '../../src/net/testing/port-of.ts';
import { freePort } from './envoy-process.ts';
import { isExecutable } from './executable.ts';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'istio-ca';
/** What istiod's own certificate is for. */
export const ISTIOD_NAME = 'istiod.istio-system.svc';

/** The path of a pilot-discovery: `TULLE_ISTIOD`, or one on PATH; undefined where there is none. */
function findIstiod(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (env['PATH'] ?? '').split(path.delimiter);
  const candidates = [env['TULLE_ISTIOD'] ?? '', ...folders.map((folder) => path.join(folder, 'pilot-discovery'))];
  return candidates.find((file) => path.isAbsolute(file) && isExecutable(file));
}

/** Why tests that need istiod are skipped, or false where it is there. */
export const istiodMissing: string | false =
  findIstiod() === undefined ? 'no istiod: TULLE_ISTIOD names no pilot-discovery (docs/benchmark.md tells how to build one)' : false;

export interface IstiodOptions {
  /** Gets its authority's files, and what it says. */
  readonly folder: string;
  /** The folder of YAML that it watches. */
  readonly mesh: string;
  /** MeshConfig, YAML. */
  readonly meshConfig?: string;
}

export interface Istiod {
  /** Where it takes xDS and certificate requests, by TLS. */
  readonly port: number;
  /** Where it takes xDS alone, in plaintext. */
  readonly plainPort: number;
  /** File of the root certificate that it signs by. */
  readonly rootFile: string;
  /** What it wrote so far. */
  output(): string;
  /** A token for a service account. */
  token(namespace: string, serviceAccount: string): string;
  stop(): Promise<void>;
}

/** A JWT by RS256. */
function sign(claims: object, key: KeyObject): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode({ alg: 'RS256', kid: 'test', typ: 'JWT' })}.${encode(claims)}`;
  return `${body}.${createSign('sha256').update(body).sign(key, 'base64url')}`;
}

/** Serves the keys that tokens are checked by. */
async function startIssuer(key: KeyObject): Promise<{ readonly url: string; stop(): void }> {
  const jwks = JSON.stringify({ keys: [{ ...key.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' }] });
  const server = http.createServer({ keepAliveTimeout: 0 }, (_, response) =>
    response.setHeader('content-type', 'application/json').end(jwks),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${portOf(server)}/keys`, stop: () => void server.close() };
}

/** An authority's files by the names that istiod looks for. */
function createAuthority(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca-key.pem'];
  const args = ['req', '-x509', ...key, '-out', 'ca-cert.pem', '-days', '2', '-subj', '/O=cluster.local'];
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  for (const copy of ['root-cert.pem', 'cert-chain.pem']) execFileSync('cp', ['ca-cert.pem', copy], { cwd: folder });
}

/** Starts it; it takes some seconds until it listens. */
export async function startIstiod({ folder, mesh, meshConfig = '{}\n' }: IstiodOptions): Promise<Istiod> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuer = await startIssuer(publicKey);
  const authority = path.join(folder, 'cacerts');
  createAuthority(authority);
  const config = path.join(folder, 'mesh.yaml');
  writeFileSync(config, meshConfig);
  const [port, plain, web, monitoring] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const at = (number: number): string => `127.0.0.1:${number}`;
  const files = ['--configDir', mesh, '--meshConfig', config, '--networksConfig', path.join(folder, 'none')];
  const listens = ['--secureGRPCAddr', at(port), '--grpcAddr', at(plain), '--httpAddr', at(web), '--monitoringAddr', at(monitoring)];
  const none = ['--httpsAddr', '', '--ctrlz_port', '0', '--registries=', '--log_output_level', 'default:info'];
  const child = spawn(findIstiod() ?? 'pilot-discovery', ['discovery', ...files, ...listens, ...none], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ROOT_CA_DIR: authority,
      JWT_RULE: JSON.stringify({ issuer: ISSUER, jwks_uri: issuer.url, audiences: [AUDIENCE] }),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    port,
    plainPort: plain,
    rootFile: path.join(authority, 'root-cert.pem'),
    output: () => output,
    token(namespace, serviceAccount) {
      const now = Math.floor(Date.now() / 1000);
      const sub = `system:serviceaccount:${namespace}:${serviceAccount}`;
      return sign({ iss: ISSUER, aud: [AUDIENCE], sub, iat: now, exp: now + 3600 }, privateKey);
    },
    async stop() {
      issuer.stop();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

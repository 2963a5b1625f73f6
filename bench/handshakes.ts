/** TLS handshakes as fast as `openssl s_time` makes them: a client in C, so that the proxy is what is measured. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Saturation } from './load.ts';
import { REQUEST_PATH } from './load.ts';

/** Clients at once, each with one connection at a time. */
const CLIENTS = 6;

/** Connects for `seconds`, full handshakes or resumed ones: a client's certificate, one small request, close. */
async function client(port: number, seconds: number, folder: string, isResuming: boolean): Promise<number> {
  const certificate = ['-cert', `${folder}/cert.pem`, '-key', `${folder}/key.pem`, '-tls1_3'];
  const kind = isResuming ? '-reuse' : '-new';
  const args = ['s_time', '-connect', `127.0.0.1:${port}`, kind, '-www', REQUEST_PATH, '-time', String(seconds), ...certificate];
  const child = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [printed, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const count = Number(/(\d+) connections in \d+ real seconds/.exec(printed)?.[1]);
  if (!(count > 0)) throw new Error(`openssl s_time made no connections: ${errors}`);
  // of those that were to be resumed it marks each that was not
  if (isResuming && /^[r*]*\*[r*]*$/m.test(printed)) throw new Error('sessions were not resumed');
  return count;
}

/** Makes handshakes for `seconds`; one that fails ends the run with an error. */
export async function saturateHandshakes(port: number, seconds: number, folder: string, isResuming: boolean): Promise<Saturation> {
  const startMs = performance.now();
  const counts = await Promise.all(Array.from({ length: CLIENTS }, () => client(port, seconds, folder, isResuming)));
  const requests = counts.reduce((sum, count) => sum + count, 0);
  return { requests, requestsPerSecond: (requests * 1000) / (performance.now() - startMs), p99Ms: NaN, errors: 0 };
}

/** The loads that go as fast as they can: wrk for HTTP/1.1, h2load for gRPC, curl for large bodies. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { promisify } from 'node:util';
import { BULK_MIB, BULK_PATH, GRPC_PATH } from './origin.ts';

const run = promisify(execFile);

export const REQUEST_HEADERS: readonly (readonly [string, string])[] = [
  ['Host', 'reviews'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36'],
  ['Accept', 'application/json, text/plain, */*'],
  ['Accept-Language', 'en-GB,en;q=0.8,de;q=0.5'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Cookie', 'session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=analytics'],
  ['Authorization', 'Bearer 3c59dc048e8850243be8079a5c74d079c9f0f895fb98ab9159f51fd0297e236d'],
  ['Referer', 'http://shop.example/products/42?color=blue'],
  ['X-Tenant', 'acme'],
];
export const REQUEST_PATH = '/api/v1/items/42?expand=price';

export interface Saturation {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** Requests that wrk makes: always the same, or path, cookie and authorization new each time (20,000 kinds in turn). */
export type Variant = 'same' | 'unique';

const REPORT = `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("REPORT %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end\n`;

const UNIQUE = `local ready, at = {}, 0
local function hex(n)
  local text = {}
  for i = 1, n / 8 do text[i] = string.format("%08x", math.random(0, 2147483647)) end
  return table.concat(text)
end
init = function()
  for i = 1, 20000 do
    wrk.headers["Cookie"] = "session=" .. hex(32) .. "; theme=dark; consent=analytics"
    wrk.headers["Authorization"] = "Bearer " .. hex(64)
    ready[i] = wrk.format("GET", "/api/v1/items/" .. i .. "?expand=" .. hex(8))
  end
end
request = function()
  at = at % 20000 + 1
  return ready[at]
end\n`;

/** What a saturating run sends, where it is not the usual request. */
export interface WrkOptions {
  readonly variant?: Variant;
  readonly headers?: readonly (readonly [string, string])[];
  readonly path?: string;
}

/** Runs wrk against a loopback port for `seconds` with `connections` keep-alive connections. */
export async function saturate(
  port: number,
  seconds: number,
  connections: number,
  folder: string,
  { variant = 'same', headers = REQUEST_HEADERS, path: target = REQUEST_PATH }: WrkOptions = {},
): Promise<Saturation> {
  // of its own: several may run at once
  const script = path.join(folder, `wrk-${variant}-${port}.lua`);
  writeFileSync(script, variant === 'same' ? REPORT : UNIQUE + REPORT);
  const sent = headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '--latency', '-s', script, ...sent];
  const { stdout } = await run('wrk', [...options, `http://127.0.0.1:${port}${target}`]);
  const [, requests = 0, durationUs = 1, p99Us = 0, errors = 0] = (/REPORT (\d+) (\d+) (\d+) (\d+)/.exec(stdout) ?? []).map(Number);
  return { requests, requestsPerSecond: (requests / durationUs) * 1e6, p99Ms: p99Us / 1000, errors };
}

const GRPC_CONNECTIONS = 8;
const GRPC_STREAMS = 16;
/** Flag, length and 24 bytes of message. Source: gRPC over HTTP/2, "Length-Prefixed-Message". */
const GRPC_MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 24]), Buffer.alloc(24, 0x2a)]);
const GRPC_HEADERS: readonly (readonly [string, string])[] = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['user-agent', 'grpc-node-js/1.14.0'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
  ['grpc-timeout', '10S'],
  ['authorization', 'Bearer 3c59dc048e8850243be8079a5c74d079c9f0f895fb98ab9159f51fd0297e236d'],
];

/** Makes one gRPC call, to be sure that the proxies carry what h2load only counts; throws where its status is not 0. */
export async function checkGrpc(port: number): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    const status = await new Promise((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': GRPC_PATH,
        ':authority': 'reviews',
        ...Object.fromEntries(GRPC_HEADERS),
      });
      session.on('error', reject);
      stream.on('error', reject);
      stream.on('trailers', (trailers) => resolve(trailers['grpc-status']));
      stream.on('end', () => setImmediate(() => reject(new Error('a gRPC call through the proxy came back without trailers'))));
      stream.resume().end(GRPC_MESSAGE);
    });
    if (status !== '0') throw new Error(`a gRPC call through the proxy came back with status ${String(status)}`);
  } finally {
    session.destroy();
  }
}

/** Runs unary gRPC calls for `seconds`: 8 connections of 16 streams. */
export async function saturateGrpc(port: number, seconds: number, folder: string): Promise<Saturation> {
  const message = path.join(folder, 'request.grpc');
  writeFileSync(message, GRPC_MESSAGE);
  const sent = GRPC_HEADERS.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const options = [
    '-t1',
    `-c${GRPC_CONNECTIONS}`,
    `-m${GRPC_STREAMS}`,
    '-D',
    String(seconds),
    '-d',
    message,
    '-H',
    ':authority: reviews',
    ...sent,
  ];
  const { stdout } = await run('h2load', [...options, `http://127.0.0.1:${port}${GRPC_PATH}`]);
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? NaN);
  return {
    requests: number(/status codes: (\d+) 2xx/),
    requestsPerSecond: number(/, ([\d.]+) req\/s/),
    p99Ms: NaN,
    errors: number(/, (\d+) failed/) + number(/, (\d+) 5xx/) + number(/, (\d+) 4xx/),
  };
}

/** Fetches the large body again and again for `seconds`; gives the MiB that came. */
export async function fetchBulk(port: number, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let fetched = 0;
  do {
    const { stdout } = await run('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{size_download}',
      '-H',
      'Host: reviews',
      `http://127.0.0.1:${port}${BULK_PATH}`,
    ]);
    if (stdout !== `200 ${BULK_MIB * 1024 * 1024}`) throw new Error(`the large body came as: ${stdout}`);
    fetched += BULK_MIB;
  } while (performance.now() < until);
  return fetched;
}

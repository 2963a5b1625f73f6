/** The two loads: as fast as it goes (wrk), and a fixed rate whose latencies count from when a request was due. */
import { execFile } from 'node:child_process';
import net from 'node:net';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

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
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

const WRK_REPORT = `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("REPORT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end\n`;

/** Runs wrk against a loopback port for `seconds` with `connections` keep-alive connections. */
export async function saturate(port: number, seconds: number, connections: number, folder: string): Promise<Saturation> {
  const script = `${folder}/wrk.lua`;
  writeFileSync(script, WRK_REPORT);
  const headers = REQUEST_HEADERS.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    '-s',
    script,
    ...headers,
    `http://127.0.0.1:${port}${REQUEST_PATH}`,
  ];
  const { stdout } = await promisify(execFile)('wrk', args);
  const [, requests = 0, durationUs = 1, p50Us = 0, p99Us = 0, errors = 0] = (
    /REPORT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(stdout) ?? []
  ).map(Number);
  return { requests, requestsPerSecond: (requests / durationUs) * 1e6, p50Ms: p50Us / 1000, p99Ms: p99Us / 1000, errors };
}

export interface FixedRate {
  readonly sent: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly errors: number;
}

const HEAD = `GET ${REQUEST_PATH} HTTP/1.1\r\n${REQUEST_HEADERS.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;

/** One keep-alive connection that has at most one request under way; `onDone` gets the latency in ms. */
class Lane {
  dueMs = 0;
  isBusy = false;
  private buffered = '';
  private readonly socket: net.Socket;
  private readonly onDone: (lane: Lane, latencyMs: number, isError: boolean) => void;

  constructor(port: number, onDone: Lane['onDone']) {
    this.onDone = onDone;
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text) => this.receive(String(text)));
    this.socket.on('error', () => this.finish(true));
    this.socket.on('close', () => this.finish(true));
  }

  send(dueMs: number): void {
    this.dueMs = dueMs;
    this.isBusy = true;
    this.socket.write(HEAD, 'latin1');
  }

  close(): void {
    this.isBusy = false;
    this.socket.destroy();
  }

  private receive(text: string): void {
    this.buffered += text;
    const end = this.buffered.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/^content-length: *(\d+)/im.exec(this.buffered.slice(0, end))?.[1] ?? 0);
    if (this.buffered.length < end + 4 + length) return;
    const isError = !this.buffered.startsWith('HTTP/1.1 200');
    this.buffered = '';
    this.finish(isError);
  }

  private finish(isError: boolean): void {
    if (!this.isBusy) return;
    this.isBusy = false;
    this.onDone(this, performance.now() - this.dueMs, isError);
  }
}

/** Sends `ratePerSecond` requests for `seconds` on a clock of its own: a late answer delays nothing but itself. */
export async function fixedRate(port: number, ratePerSecond: number, seconds: number): Promise<FixedRate> {
  const latencies: number[] = [];
  const idle: Lane[] = [];
  const lanes: Lane[] = [];
  let errors = 0;
  const done = (lane: Lane, latencyMs: number, isError: boolean): void => {
    if (isError) errors++;
    latencies.push(latencyMs);
    idle.push(lane);
  };
  for (let i = 0; i < 16; i++) {
    const lane = new Lane(port, done);
    lanes.push(lane);
    idle.push(lane);
  }
  const total = ratePerSecond * seconds;
  const startMs = performance.now() + 50;
  let sent = 0;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const now = performance.now();
      while (sent < total && startMs + (sent * 1000) / ratePerSecond <= now) {
        const lane = idle.pop();
        if (lane === undefined) break;
        lane.send(startMs + (sent++ * 1000) / ratePerSecond);
      }
      if (sent >= total && idle.length === lanes.length) resolve();
      else if (now > startMs + seconds * 1000 + 5000) resolve();
      else setTimeout(tick, 0.5);
    };
    tick();
  });
  for (const lane of lanes) lane.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
  return { sent, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), errors: errors + (total - latencies.length) };
}

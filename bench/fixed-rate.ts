/**
 * HTTP/1.1 requests at a fixed rate over keep-alive connections. A latency counts from when its request was due if
 * all connections were still waiting then, so that a stall is paid by every request that it held up.
 */
import net from 'node:net';
import { REQUEST_HEADERS, REQUEST_PATH } from './load.ts';

const LATE_MS_MAX = 5000;

export interface FixedRate {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly errors: number;
}

const HEAD = `GET ${REQUEST_PATH} HTTP/1.1\r\n${REQUEST_HEADERS.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;

/** One connection that has at most one request under way; `onDone` gets the latency in ms. */
class Lane {
  private sinceMs = 0;
  private isBusy = false;
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

  send(sinceMs: number): void {
    this.sinceMs = sinceMs;
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
    this.onDone(this, performance.now() - this.sinceMs, isError);
  }
}

/** Sends what is due every millisecond, until all is answered or too late. */
function paced(ratePerSecond: number, total: number, idle: Lane[], lanes: number): Promise<void> {
  const startMs = performance.now() + 50;
  let sent = 0;
  let isHeldUp = false;
  return new Promise((resolve) => {
    const tick = (): void => {
      const nowMs = performance.now();
      while (sent < total && startMs + (sent * 1000) / ratePerSecond <= nowMs) {
        const lane = idle.pop();
        if (lane === undefined) {
          isHeldUp = true;
          break;
        }
        // how late this program's own timer is, is not the proxy's latency
        lane.send(isHeldUp ? startMs + (sent * 1000) / ratePerSecond : nowMs);
        sent++;
      }
      if (idle.length > 0) isHeldUp = false;
      const isLate = nowMs > startMs + (total * 1000) / ratePerSecond + LATE_MS_MAX;
      if ((sent >= total && idle.length === lanes) || isLate) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });
}

/** Runs `ratePerSecond` for `seconds` over `connections`; what is not answered in time counts as errors. */
export async function fixedRate(port: number, ratePerSecond: number, seconds: number, connections: number): Promise<FixedRate> {
  const latencies: number[] = [];
  const idle: Lane[] = [];
  let errors = 0;
  const lanes = Array.from({ length: connections }, () => {
    const lane = new Lane(port, (done, latencyMs, isError) => {
      if (isError) errors++;
      latencies.push(latencyMs);
      idle.push(done);
    });
    idle.push(lane);
    return lane;
  });
  const total = Math.round(ratePerSecond * seconds);
  await paced(ratePerSecond, total, idle, connections);
  for (const lane of lanes) lane.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), errors: errors + (total - latencies.length) };
}

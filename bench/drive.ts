/** The load of a scenario, whatever it counts. */
import { saturateHandshakes } from './handshakes.ts';
import { fetchBulk, saturate, saturateGrpc, type Saturation, type Variant } from './load.ts';
import type { Bench } from './measure.ts';
import type { Scenario } from './scenarios.ts';

/** Few and short headers, and an origin that closes: what a connection costs, not its request. */
const CLOSING = [
  ['Host', 'reviews'],
  ['Connection', 'close'],
] as const;

/** Loads a port for `seconds` as fast as goes; "requests" of the result are connections, handshakes or MiB where the load is of those. */
export async function drive(
  bench: Bench,
  { load, tls }: Scenario,
  port: number,
  seconds: number,
  variant: Variant = 'same',
): Promise<Saturation> {
  const { connections, folder } = bench;
  switch (load) {
    case 'grpc':
      return saturateGrpc(port, seconds, folder);
    case 'connections':
      return saturate(port, seconds, connections, folder, { headers: CLOSING });
    case 'handshakes':
      return saturateHandshakes(port, seconds, folder, tls?.isResuming !== false);
    case 'bulk': {
      const startMs = performance.now();
      const mebibytes = await fetchBulk(port, seconds);
      return { requests: mebibytes, requestsPerSecond: (mebibytes * 1000) / (performance.now() - startMs), p99Ms: NaN, errors: 0 };
    }
    default:
      return saturate(port, seconds, connections, folder, { variant });
  }
}

/** Hosts and chance for tests. */
import type { Random } from '../../../core/clock.ts';
import type { Transport } from '../cluster.ts';
import type { Endpoint } from '../endpoints.ts';
import { ClusterHost } from '../host.ts';

/** A transport that nobody may use. */
const noTransport: Transport = {
  isTls: false,
  connect() {
    throw new Error('this host cannot be connected to');
  },
};

/** A healthy endpoint at `address` (`host:port`). */
function fakeEndpoint(address: string, changes: Partial<Endpoint> = {}): Endpoint {
  const colon = address.lastIndexOf(':');
  return {
    address: { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) },
    hostname: '',
    weight: 1,
    health: 'healthy',
    metadata: {},
    priority: 0,
    locality: 'r/z/',
    localityWeight: 1,
    ...changes,
  };
}

export function fakeHost(address: string, weight = 1, changes: Partial<Endpoint> = {}): ClusterHost {
  const owner = { clock: { monotonicMs: () => 0 }, onOutcome() {} };
  return new ClusterHost(fakeEndpoint(address, { weight, ...changes }), noTransport, owner);
}

/** Mulberry32: small, and good enough to test with. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

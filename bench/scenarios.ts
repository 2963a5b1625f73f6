/** What is measured: which proxies stand between client and origin, what they speak, and which load they get. */

/** What two processes speak with each other. */
export type Protocol = 'http1' | 'http2' | 'tcp';

export interface Scenario {
  readonly name: string;
  /** In words, for the table. */
  readonly title: string;
  /** Proxies one behind the other; between two of them there is mutual TLS. */
  readonly hops: 1 | 2;
  /** What the client and the origin speak. */
  readonly ends: Protocol;
  /** What two proxies speak with each other. */
  readonly between: 'http1' | 'http2';
  readonly load: 'requests' | 'grpc' | 'bulk' | 'start';
  /** Requests a second of the runs that measure latency. */
  readonly rates: readonly number[];
}

const REQUESTS = { hops: 1, ends: 'http1', between: 'http1', load: 'requests', rates: [] } as const;
const PAIR_RATES = [1000, 2000] as const;

export const SCENARIOS: readonly Scenario[] = [
  { ...REQUESTS, name: 'http', title: 'HTTP/1.1, one proxy', rates: [1000] },
  { ...REQUESTS, name: 'mtls', title: 'mTLS pair, HTTP/1.1 between', hops: 2, rates: PAIR_RATES },
  { ...REQUESTS, name: 'mtls-h2', title: 'mTLS pair, HTTP/2 between', hops: 2, between: 'http2', rates: PAIR_RATES },
  { ...REQUESTS, name: 'grpc', title: 'gRPC unary, one proxy', ends: 'http2', load: 'grpc' },
  { ...REQUESTS, name: 'tcp', title: 'TCP proxy', ends: 'tcp', rates: [1000] },
  { ...REQUESTS, name: 'bulk', title: '100 MiB body, one proxy', load: 'bulk' },
  { ...REQUESTS, name: 'bulk-mtls-h2', title: '100 MiB body, mTLS pair, HTTP/2', hops: 2, between: 'http2', load: 'bulk' },
  { ...REQUESTS, name: 'start', title: 'start to first answer', load: 'start' },
];

/** The scenarios of these names, in the table's order; throws at a name that is none. */
export function scenariosNamed(names: readonly string[]): Scenario[] {
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new Error(`no scenario ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  return SCENARIOS.filter(({ name }) => names.includes(name));
}

/** What is measured: which proxies stand between client and origin, what they speak, and which load they get. */

export interface Scenario {
  readonly name: string;
  /** A name for several scenarios together. */
  readonly group?: string;
  /** In words, for the table. */
  readonly title: string;
  /** Proxies one behind the other; between two of them there is mutual TLS. */
  readonly hops: 1 | 2;
  /** What the client and the origin speak. */
  readonly ends: 'http1' | 'http2' | 'tcp';
  /**
   * What two proxies speak with each other. `tunnels`: Tulle's carry TCP connections as streams of a few connections
   * (HBONE), others' make an mTLS connection for each, as Istio has them.
   */
  readonly between: 'http1' | 'http2' | 'tcp' | 'tunnels';
  readonly load: 'requests' | 'grpc' | 'bulk' | 'connections' | 'handshakes' | 'workers' | 'telemetry' | 'burst' | 'idle' | 'start';
  /** Requests a second of the runs that measure latency. */
  readonly rates: readonly number[];
  /** The client speaks mutual TLS too. */
  readonly isSecured?: boolean;
  /** Where TLS is not as by default: whether sessions are resumed, and the groups of the key exchange. */
  readonly tls?: { readonly isResuming?: boolean; readonly groups?: readonly string[] };
  /** Measured in the first round only: what it finds hardly differs from round to round. */
  readonly isOnce?: boolean;
  /** Measured only where asked for by name. */
  readonly isExtra?: boolean;
}

const REQUESTS = { hops: 1, ends: 'http1', between: 'http1', load: 'requests', rates: [] } as const;
const PAIR_RATES = [1000, 2000] as const;
const TCP = { group: 'tcp', hops: 1, ends: 'tcp', between: 'tcp', load: 'connections', rates: [] } as const;
const TCP_PAIR = { ...TCP, group: 'tcp-mtls', hops: 2, between: 'tunnels' } as const;
const TLS = { ...TCP, group: 'tls', load: 'handshakes', isSecured: true } as const;
const TLS_PAIR = { ...TCP, group: 'tls', hops: 2, isExtra: true } as const;
const HYBRID = ['X25519MLKEM768'] as const;

export const SCENARIOS: readonly Scenario[] = [
  { ...REQUESTS, name: 'http', title: 'HTTP/1.1, one proxy', rates: [1000] },
  { ...REQUESTS, name: 'mtls', title: 'mTLS pair, HTTP/1.1 between', hops: 2, rates: PAIR_RATES },
  { ...REQUESTS, name: 'mtls-h2', title: 'mTLS pair, HTTP/2 between', hops: 2, between: 'http2', rates: PAIR_RATES },
  { ...REQUESTS, name: 'grpc', title: 'gRPC unary, one proxy', ends: 'http2', load: 'grpc' },
  { ...REQUESTS, name: 'bulk', title: '100 MiB body, one proxy', load: 'bulk' },
  { ...REQUESTS, name: 'bulk-mtls-h2', title: '100 MiB body, mTLS pair, HTTP/2', hops: 2, between: 'http2', load: 'bulk' },
  { ...TCP, name: 'tcp-connections', title: 'TCP connections, one proxy' },
  { ...TCP, name: 'tcp-bulk', title: '100 MiB over TCP, one proxy', load: 'bulk' },
  { ...TCP, name: 'tcp-exchanges', title: 'TCP exchanges, one proxy', load: 'requests', rates: [1000], isExtra: true },
  { ...TCP_PAIR, name: 'tcp-mtls-connections', title: 'TCP connections, mTLS pair' },
  { ...TCP_PAIR, name: 'tcp-mtls-bulk', title: '100 MiB over TCP, mTLS pair', load: 'bulk' },
  { ...TLS, name: 'tls-full', title: 'TLS handshakes, full', tls: { isResuming: false } },
  { ...TLS, name: 'tls-resumed', title: 'TLS handshakes, resumed' },
  { ...TLS_PAIR, name: 'tls-pair-full', title: 'TLS pair, a full handshake each', tls: { isResuming: false } },
  { ...TLS_PAIR, name: 'tls-pair-hybrid', title: 'the same, X25519MLKEM768', tls: { isResuming: false, groups: HYBRID } },
  { ...TLS_PAIR, name: 'tls-pair-resumed', title: 'TLS pair, a resumed handshake each' },
  { ...REQUESTS, name: 'workers', title: 'two workers, HTTP/1.1', load: 'workers', isOnce: true },
  { ...REQUESTS, name: 'telemetry', title: 'all telemetry on, HTTP/1.1', load: 'telemetry', isOnce: true },
  { ...REQUESTS, name: 'burst', title: 'HTTP/1.1 after 20 idle seconds', load: 'burst', isOnce: true, isExtra: true },
  { ...REQUESTS, name: 'idle', group: 'idle', title: '10,000 idle connections', load: 'idle', isOnce: true },
  { ...REQUESTS, name: 'idle-tls', group: 'idle', title: '10,000 idle connections, mTLS', load: 'idle', isSecured: true, isOnce: true },
  { ...REQUESTS, name: 'start', title: 'start to first answer', load: 'start' },
];

/** The scenarios of these names or groups, in the table's order; throws at a name that is none. */
export function scenariosNamed(names: readonly string[]): Scenario[] {
  const isNamed = ({ name, group }: Scenario, asked: string): boolean => asked === name || asked === group;
  const unknown = names.find((asked) => !SCENARIOS.some((scenario) => isNamed(scenario, asked)));
  if (unknown !== undefined) {
    const known = new Set(SCENARIOS.flatMap(({ name, group }) => [...(group === undefined ? [] : [group]), name]));
    throw new Error(`no scenario ${unknown}; there are ${[...known].join(', ')}`);
  }
  return SCENARIOS.filter((scenario) => names.some((asked) => isNamed(scenario, asked)));
}

/** What runs where nobody asks for less. */
export const defaultScenarios = (): Scenario[] => SCENARIOS.filter(({ isExtra }) => isExtra !== true);

/** The proxies under test: how each is found, configured and started for each scenario. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { installedLayout, isBuilt, withCompileCache } from './layout.ts';
import { haproxyConfig, nginxConfig } from './plain-peers.ts';
import type { Scenario } from './scenarios.ts';
import { sidecarBootstrap, type SidecarOptions } from './sidecar-config.ts';
import type { Telemetry } from './telemetry-config.ts';
import { tunnelClient, tunnelServer } from './tunnel-config.ts';

/** How one process of a peer is started. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Where one of a scenario's proxies stands: `hop` 0 is next to the client. */
export interface Place {
  readonly scenario: Scenario;
  readonly hop: number;
  readonly listen: number;
  readonly upstream: number;
  readonly folder: string;
  /** More to configure than the scenario says. */
  readonly scale?: Pick<SidecarOptions, 'routes' | 'clusters'>;
  /** What tells of requests; as usual where it is not given. */
  readonly telemetry?: Telemetry;
  /** Servers that take what is told. */
  readonly collectors?: { readonly http: number; readonly grpc: number };
  /** Workers; 1 where it is not given. Only Tulle and Envoy have more. */
  readonly concurrency?: number;
}

const workersOf = ({ concurrency = 1 }: Place): readonly [string, string] => ['--concurrency', String(concurrency)];

export interface Peer {
  readonly name: string;
  /** Compiles while it runs, and needs load for that before it is measured. */
  readonly hasJit: boolean;
  /** What it is that runs, or why it cannot and which command mends that. */
  available(): { readonly version: string } | { readonly missing: string };
  /** Undefined: the scenario is not the peer's. */
  launch(place: Place): Launch | undefined;
}

/** Installs every peer, the origins and the load generators. */
export const INSTALL = 'node tools/install-peers.ts';

const ALPN = { http1: ['http/1.1'], http2: ['h2'], tcp: ['istio'], tunnels: ['istio'] } as const;

/** Which side of a proxy speaks TLS. */
function tlsSide({ scenario, hop }: Place): 'upstream' | 'downstream' | undefined {
  if (scenario.hops === 2) return hop === 0 ? 'upstream' : 'downstream';
  return scenario.isSecured === true ? 'downstream' : undefined;
}

function bootstrapOf(place: Place, isTulle: boolean): string {
  const { scenario, hop, listen, upstream, folder, scale, telemetry, collectors } = place;
  if (scenario.between === 'tunnels' && isTulle) return (hop === 0 ? tunnelClient : tunnelServer)({ listen, upstream, folder });
  const side = tlsSide(place);
  return sidecarBootstrap({
    listen,
    upstream,
    admin: listen + 1000,
    kind: scenario.ends === 'tcp' ? 'tcp' : 'http',
    isTulle,
    isUpstreamHttp2: (side === 'upstream' ? scenario.between : scenario.ends) === 'http2',
    ...(side === undefined ? {} : { tls: { ...scenario.tls, side, alpn: ALPN[scenario.between], folder } }),
    ...scale,
    ...(telemetry === undefined ? {} : { telemetry, logFile: path.join(folder, `access-${listen}.log`) }),
    ...(collectors === undefined ? {} : { collectors }),
  });
}

/** Adds the bootstrap to the place's folder; gives its path. */
function sidecarFile(place: Place, isTulle: boolean): string {
  const { scenario, listen, folder } = place;
  const file = path.join(folder, `${isTulle ? 'tulle' : 'envoy'}-${scenario.name}-${listen}.yaml`);
  writeFileSync(file, bootstrapOf(place, isTulle));
  return file;
}

function onPath(command: string, ...versionArgs: string[]): { version: string } | { missing: string } {
  try {
    const text = execFileSync('sh', ['-c', `${command} ${versionArgs.join(' ')} 2>&1`], { encoding: 'utf8' });
    return { version: text.trim().split('\n')[0] ?? '' };
  } catch {
    return { missing: INSTALL };
  }
}

const tulle: Peer = {
  name: 'tulle',
  hasJit: true,
  available: () => (isBuilt() ? { version: `node ${process.version}` } : { missing: 'npm run build' }),
  launch: (place) => ({
    command: installedLayout(place.folder),
    args: ['proxy', '-c', sidecarFile(place, true), '--drain-time-s', '0', ...workersOf(place)],
    env: withCompileCache(path.join(place.folder, 'compile-cache')),
  }),
};

const envoy: Peer = {
  name: 'envoy',
  hasJit: false,
  available() {
    const binary = findEnvoy();
    return binary === undefined ? { missing: INSTALL } : { version: binary };
  },
  launch(place) {
    const command = findEnvoy();
    if (command === undefined) return undefined;
    const isolation = ['--base-id', String(place.listen), '--disable-hot-restart'];
    return { command, args: ['-c', sidecarFile(place, false), ...workersOf(place), '--log-level', 'error', ...isolation] };
  },
};

/** Scenarios that nginx and haproxy have: HTTP/1.1, alone or as a pair. */
const isPlain = ({ load, between }: Scenario): boolean => load === 'requests' && between === 'http1';

const nginx: Peer = {
  name: 'nginx',
  hasJit: false,
  available: () => onPath('nginx', '-v'),
  launch(place) {
    if (!isPlain(place.scenario) || place.scenario.ends === 'tcp') return undefined;
    const file = path.join(place.folder, `nginx-${place.listen}.conf`);
    writeFileSync(file, nginxConfig(place));
    return { command: 'nginx', args: ['-c', file, '-e', path.join(place.folder, 'nginx.log')] };
  },
};

const haproxy: Peer = {
  name: 'haproxy',
  hasJit: false,
  available: () => onPath('haproxy', '-v'),
  launch(place) {
    if (!isPlain(place.scenario)) return undefined;
    const file = path.join(place.folder, `haproxy-${place.listen}.cfg`);
    writeFileSync(file, haproxyConfig(place));
    return { command: 'haproxy', args: ['-q', '-f', file] };
  },
};

export const peers: readonly Peer[] = [tulle, envoy, nginx, haproxy];

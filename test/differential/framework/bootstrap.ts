/** The bootstrap that both proxies get; only ports and the names of files differ. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Certificates } from './certificates.ts';
import type { OriginPorts } from './origin.ts';
import { address, cluster, direct, httpFilter, ROOM, to, type } from './pieces.ts';

/** What a topic's bootstrap is made for: one proxy, and what is there for that proxy alone. */
export interface World {
  readonly ports: OriginPorts & {
    /** A port where nobody listens. */
    readonly dead: number;
  };
  readonly certificates: Certificates;
  /** A folder for this proxy alone, for logs and files. */
  readonly folder: string;
  /** Ports of the topic's own servers, by name. */
  readonly servers: Readonly<Record<string, number>>;
}

export interface Listener {
  /** Fields of its HttpConnectionManager besides the common ones. */
  readonly manager?: JsonObject;
  /** Fields of a DownstreamTlsContext: the listener speaks TLS, with the proxy's certificate and ALPN unless said otherwise. */
  readonly tls?: JsonObject;
  /** HTTP filters before the router, instead of the topic's. */
  readonly filters?: readonly JsonValue[];
  /** Virtual hosts, instead of the topic's. */
  readonly hosts?: readonly JsonObject[];
  /** Fields of its only filter chain, and of itself. */
  readonly chain?: JsonObject;
  readonly listener?: JsonObject;
}

export interface Setup {
  /** By name; without any there is `main`. */
  readonly listeners?: Readonly<Record<string, Listener>>;
  /** HTTP filters before the router. */
  readonly filters?: readonly JsonValue[];
  /** Routes of the virtual host for every name, before the one that sends all the rest to `origin`. */
  readonly routes?: readonly JsonObject[];
  /** Further virtual hosts. */
  readonly hosts?: readonly JsonObject[];
  /** Fields of the RouteConfiguration. */
  readonly table?: JsonObject;
  /** Besides `origin` (HTTP/1.1), `dead` and `empty`, which are always there. */
  readonly clusters?: readonly JsonObject[];
  /** Further fields of the access log, in its JSON. */
  readonly log?: JsonObject;
  /** Further fields of the bootstrap itself, beside `static_resources`. */
  readonly bootstrap?: JsonObject;
}

/** The listener that answers one request after all others, to see that the access log is whole. */
export const LAST_LISTENER = 'last';

const LOG: JsonObject = {
  case: '%REQ(X-CASE)%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  first_path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  cluster: '%UPSTREAM_CLUSTER%',
  host: '%UPSTREAM_HOST%',
  transport: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  route: '%ROUTE_NAME%',
  forwarded: '%REQ(X-FORWARDED-FOR)%',
  client: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  local: '%DOWNSTREAM_LOCAL_PORT%',
  direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
};

const PROBE: JsonObject = { name: 'probe', domains: ['probe'], routes: [direct('/', 200, 'probe')] };

/** Bytes of a certificate or key, as configuration has them. */
const inline = (text: string): JsonObject => ({ inline_string: text });

/** A DataSource pair for a certificate and its key. */
export const certificate = (pair: { readonly certificateChain: string; readonly privateKey: string }): JsonObject => ({
  certificate_chain: inline(pair.certificateChain),
  private_key: inline(pair.privateKey),
});

/** A transport socket for a cluster: TLS with the proxy's certificate to an origin of that name. */
export function upstreamTls({ certificates }: World, fields: JsonObject = {}, common: JsonObject = {}): JsonObject {
  const context = type('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    sni: 'origin.test',
    common_tls_context: {
      tls_certificates: [certificate(certificates.proxy)],
      validation_context: { trusted_ca: inline(certificates.root) },
      ...common,
    },
    ...fields,
  });
  return { name: 'envoy.transport_sockets.tls', typed_config: context };
}

function downstreamTls({ certificates }: World, fields: JsonObject): JsonObject {
  const context = type('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: {
      tls_certificates: [certificate(certificates.proxy)],
      validation_context: { trusted_ca: inline(certificates.root) },
      alpn_protocols: ['h2', 'http/1.1'],
    },
    ...fields,
  });
  return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context } };
}

function routeTable(listener: Listener, setup: Setup): JsonObject {
  const everything = { name: 'everything', domains: ['*'], routes: [...(setup.routes ?? []), to('/', {}, { name: 'rest' })] };
  const hosts = listener.hosts ?? [...(setup.hosts ?? []), everything];
  return { name: 'all', validate_clusters: false, virtual_hosts: [PROBE, ...hosts], ...setup.table };
}

function listenerOf(name: string, listener: Listener, setup: Setup, world: World): JsonObject {
  const { manager = {}, filters = setup.filters ?? [], tls } = listener;
  const logFormat = { json_format: { ...LOG, ...setup.log } };
  const file = type('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: logFile(world), log_format: logFormat });
  const hasOwnRoutes = 'scoped_routes' in manager || 'rds' in manager || 'route_config' in manager;
  const config = type('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: name,
    delayed_close_timeout: '0.05s',
    http_filters: [...filters, httpFilter('router', 'router.v3.Router')],
    ...(hasOwnRoutes ? {} : { route_config: routeTable(listener, setup) }),
    access_log: [{ name: 'envoy.access_loggers.file', typed_config: file }],
    ...manager,
  });
  const chain = {
    filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: config }],
    ...(tls === undefined ? {} : downstreamTls(world, tls)),
    ...listener.chain,
  };
  return { name, address: address(0), filter_chains: [chain], ...listener.listener };
}

/** Where the access log of a world's proxy is. */
export const logFile = (world: World): string => `${world.folder}/access.log`;

/** Where the admin interface of a world's proxy is: a port could be taken before the proxy has it. */
export const adminSocket = (world: World): string => `${world.folder}/admin.sock`;

/** The whole bootstrap as JSON. */
export function bootstrap(setup: Setup, world: World): JsonObject {
  const { listeners = { main: {} }, clusters = [] } = setup;
  const named = (all: readonly JsonObject[]): JsonObject[] => all.filter(({ name }) => !clusters.some((own) => own['name'] === name));
  return {
    node: { id: 'compare', cluster: 'compare' },
    admin: { address: { pipe: { path: adminSocket(world) } } },
    static_resources: {
      listeners: [
        ...Object.entries(listeners).map(([name, listener]) => listenerOf(name, listener, setup, world)),
        listenerOf(LAST_LISTENER, { filters: [], hosts: [] }, setup, world),
      ],
      clusters: [
        ...named([cluster('origin', [world.ports.origin], ROOM), cluster('dead', [world.ports.dead], ROOM), cluster('empty', [])]),
        ...clusters,
      ],
    },
    ...setup.bootstrap,
  };
}

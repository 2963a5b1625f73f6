/** The mesh of the tests under a real istiod: a client and a service of two versions, each with one of our proxies. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { portOf } from '../../src/net/testing/port-of.ts';
import { eventually } from '../../src/core/testing/eventually.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { silentLog } from '../../src/core/log.ts';
import { serveGrpc } from '../../src/net/grpc-server.ts';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { SecretSchema } from '../../src/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SecretDiscoveryService } from '../../src/xds/gen/envoy/service/secret/v3/sds_pb.ts';
import { SECRET_TYPE } from '../../src/xds/types.ts';
import { root } from '../e2e/harness.ts';
import { type Istiod, ISTIOD_NAME } from './istiod-process.ts';

const NAMESPACE = 'shop';
/** The service's host name. */
export const HOST = 'orders.shop.example';

/** Where peers reach the service's proxies: a loopback address for each. */
export const ADDRESSES = { web: '127.0.0.21', v1: '127.0.0.22', v2: '127.0.0.23' } as const;
export type Instance = keyof typeof ADDRESSES;

/** Ports that a mesh uses. */
export interface MeshPorts {
  readonly http: number;
  readonly tcp: number;
  readonly greeting: number;
  /** Of the applications behind the two versions. */
  readonly apps: Readonly<Record<'v1' | 'v2', AppPorts>>;
}

/** Where an application listens. */
interface AppPorts {
  readonly http: number;
  readonly tcp: number;
  readonly greeting: number;
}

export interface App {
  readonly ports: AppPorts;
  /** Requests that it has had, by path. */
  readonly requests: Map<string, number>;
  close(): void;
}

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server);
}

/**
 * An application: over HTTP it says its name and what it was asked with (`/flaky...` fails twice before), over TCP it
 * gives everything back, and on another port it speaks first.
 */
export async function startApp(name: string): Promise<App> {
  const requests = new Map<string, number>();
  const web = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const url = request.url ?? '';
    const count = (requests.get(url) ?? 0) + 1;
    requests.set(url, count);
    response.statusCode = url.startsWith('/flaky') && count < 3 ? 503 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name, headers: request.headers, count }));
  });
  const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  const greeter = net.createServer((socket) => socket.on('error', () => {}).end(`hello from ${name}`));
  const [webPort, tcp, greeting] = await Promise.all([web, echo, greeter].map(listen));
  return {
    ports: { http: webPort ?? 0, tcp: tcp ?? 0, greeting: greeting ?? 0 },
    requests,
    close() {
      for (const server of [web, echo, greeter]) server.close();
      web.closeAllConnections();
    },
  };
}

function workload(version: 'v1' | 'v2', { http: web, tcp, greeting, apps }: MeshPorts): string {
  const ingress = (number: number, name: string, protocol: string, app: number): string =>
    `{ port: { number: ${number}, name: ${name}, protocol: ${protocol} }, bind: ${ADDRESSES[version]}, defaultEndpoint: '127.0.0.1:${app}', captureMode: NONE }`;
  const own = apps[version];
  return `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: orders-${version}, namespace: ${NAMESPACE} }
spec:
  address: ${ADDRESSES[version]}
  labels: { app: orders, version: ${version}, security.istio.io/tlsMode: istio }
  serviceAccount: orders
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: orders-${version}, namespace: ${NAMESPACE} }
spec:
  workloadSelector: { labels: { app: orders, version: ${version} } }
  ingress:
    - ${ingress(web, 'http', 'HTTP', own.http)}
    - ${ingress(tcp, 'tcp', 'TCP', own.tcp)}
    - ${ingress(greeting, 'tcp-greeting', 'TCP', own.greeting)}
  egress: [{ hosts: ['~/*'] }]
`;
}

/** As Istio is installed: metrics are counted. */
export const MESH_CONFIG = `
defaultProviders: { metrics: [prometheus] }
extensionProviders: [{ name: prometheus, prometheus: {} }]
`;

/** What istiod is given, besides policies and routes. */
export function meshYaml(ports: MeshPorts): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: ${NAMESPACE} }
spec:
  hosts: [${HOST}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
    - { number: ${ports.http}, name: http, protocol: HTTP }
    - { number: ${ports.tcp}, name: tcp, protocol: TCP }
    - { number: ${ports.greeting}, name: tcp-greeting, protocol: TCP }
  workloadSelector: { labels: { app: orders } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: ${NAMESPACE} }
spec:
  host: ${HOST}
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: ${NAMESPACE} }
spec: { mtls: { mode: STRICT } }
---
${workload('v1', ports)}
---
${workload('v2', ports)}
`;
}

/** Where all requests go that say nothing else; one with `x-version: v2` goes there. */
export function routesYaml(byDefault: 'v1' | 'v2'): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: ${NAMESPACE} }
spec:
  hosts: [${HOST}]
  http:
    - match: [{ headers: { x-version: { exact: v2 } } }]
      route: [{ destination: { host: ${HOST}, subset: v2 } }]
    - route: [{ destination: { host: ${HOST}, subset: ${byDefault} } }]
      retries: { attempts: 3, retryOn: 5xx, backoff: 1ms }
`;
}

/** A gateway, and what else istiod has many words for. */
export const MORE = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: ${NAMESPACE} }
spec:
  selector: { istio: edge }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example] }
    - { port: { number: 443, name: https, protocol: HTTPS }, hosts: [shop.example], tls: { mode: ISTIO_MUTUAL } }
    - { port: { number: 9443, name: tls, protocol: TLS }, hosts: [bytes.example], tls: { mode: PASSTHROUGH } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: ${NAMESPACE} }
spec:
  hosts: [shop.example]
  gateways: [edge]
  http: [{ route: [{ destination: { host: ${HOST}, port: { number: 80 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: ${NAMESPACE} }
spec:
  hosts: [outside.example, '*.wild.example']
  ports: [{ number: 443, name: tls, protocol: TLS }, { number: 80, name: http, protocol: HTTP }, { number: 5432, name: auto }]
  resolution: NONE
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: outside, namespace: ${NAMESPACE} }
spec:
  host: outside.example
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 5, interval: 10s }
    connectionPool: { tcp: { maxConnections: 10 }, http: { http2MaxRequests: 100, idleTimeout: 30s } }
    tls: { mode: SIMPLE, sni: outside.example }
    retryBudget: { percent: 30, budgetInterval: 10s }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: client, namespace: ${NAMESPACE} }
spec:
  selector: { matchLabels: { app: client } }
  action: AUDIT
  rules: [{ when: [{ key: 'request.headers[x-a]', values: ['b*'] }] }]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: logs, namespace: ${NAMESPACE} }
spec:
  accessLogging: [{ providers: [{ name: envoy }], filter: { expression: response.code >= 400 } }]
  metrics:
    - providers: [{ name: prometheus }]
      overrides: [{ match: { metric: REQUEST_COUNT }, tagOverrides: { method: { value: request.method } } }]
`;

/** Who may not do what: nobody asks for what is private, and nobody but a client that does not exist has the closed port. */
export const POLICY = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: private, namespace: ${NAMESPACE} }
spec:
  selector: { matchLabels: { app: orders } }
  action: DENY
  rules:
    - from: [{ source: { principals: [cluster.local/ns/${NAMESPACE}/sa/web] } }]
      to: [{ operation: { paths: [/private*] } }]
`;

function metadataOf(instance: Instance, tokenFile: string): JsonObject {
  const app = instance === 'web' ? 'web' : 'orders';
  const version = instance === 'web' ? 'v1' : instance;
  return {
    NAME: `${app}-${version}-0`,
    NAMESPACE,
    WORKLOAD_NAME: `${app}-${version}`,
    SERVICE_ACCOUNT: app,
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    INSTANCE_IPS: ADDRESSES[instance],
    INTERCEPTION_MODE: 'NONE',
    ISTIO_VERSION: '1.31.0',
    LABELS: { app, version, 'service.istio.io/canonical-name': app, 'service.istio.io/canonical-revision': version },
    TULLE: { identity: { tokenFile } },
  };
}

/** How the cluster of xDS is reached: by TLS, as docs/under-istiod.md has it. */
function securely({ port, rootFile }: Istiod): JsonObject {
  return {
    load_assignment: assignment('xds-grpc', { socket_address: { address: '127.0.0.1', port_value: port } }),
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        sni: ISTIOD_NAME,
        common_tls_context: { validation_context: { trusted_ca: { filename: rootFile } } },
      },
    },
  };
}

function assignment(cluster_name: string, address: JsonObject): JsonObject {
  return { cluster_name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}

/** The bootstrap of docs/under-istiod.md. `others` are clusters besides the one of xDS. */
function bootstrapOf(xds: JsonObject, node: JsonObject, adminSocket: string, others: readonly JsonObject[] = []): JsonObject {
  const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const ads = { ads: {}, resource_api_version: 'V3' };
  return {
    node,
    admin: { address: { pipe: { path: adminSocket } } },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }] },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds-grpc',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            [httpOptions]: { '@type': `type.googleapis.com/${httpOptions}`, explicit_http_config: { http2_protocol_options: {} } },
          },
          ...xds,
        },
        ...others,
      ],
    },
  };
}

export interface MeshProxy {
  readonly log: () => string;
  admin(call: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the proxy of a bootstrap; resolves when it is live. `wrap` is a command that runs it. */
async function startMeshProxy(folder: string, name: string, bootstrap: JsonObject, wrap: readonly string[] = []): Promise<MeshProxy> {
  const file = path.join(folder, `${name}.json`);
  const logFile = path.join(folder, `${name}.log`);
  writeFileSync(file, JSON.stringify(bootstrap));
  const [program, ...args] = [...wrap, process.execPath, path.join(root, 'bin/tulle.js'), 'proxy', '-c', file];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.pipe(createWriteStream(logFile));
  const log = (): string => readFileSync(logFile, 'utf8');
  const socketPath = path.join(folder, `${name}.sock`);
  const admin = async (call: string): Promise<string> => (await ask({ socketPath }, call)).text;
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  try {
    await eventually(async () => ((await admin('/ready')).startsWith('LIVE') ? true : undefined), log);
  } catch (error) {
    await stop();
    throw error;
  }
  return { log, admin, stop };
}

/** Starts the proxy of one of the mesh's workloads. */
export function startWorkload(folder: string, istiod: Istiod, instance: Instance): Promise<MeshProxy> {
  const tokenFile = path.join(folder, `${instance}.token`);
  writeFileSync(tokenFile, istiod.token(NAMESPACE, instance === 'web' ? 'web' : 'orders'));
  const id = `sidecar~${ADDRESSES[instance]}~${instance}-0.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`;
  const node = { id, cluster: `${instance}.${NAMESPACE}`, metadata: metadataOf(instance, tokenFile) };
  return startMeshProxy(folder, instance, bootstrapOf(securely(istiod), node, path.join(folder, `${instance}.sock`)));
}

/** Commands may be run in a network namespace of their own, where any port is free. */
export const canUnshare = spawnSync('unshare', ['-rn', 'true']).status === 0;

const ISOLATED = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/**
 * Starts a proxy as an injected sidecar is one, or a gateway, in a network of its own, which nobody calls: it opens the
 * ports that istiod says, whatever they are. It has its certificate from an agent.
 */
export function startIsolated(
  folder: string,
  name: string,
  type: 'sidecar' | 'router',
  { xdsPath, agentPath }: { readonly xdsPath: string; readonly agentPath: string },
): Promise<MeshProxy> {
  const address = '10.0.0.9';
  const labels = type === 'router' ? { istio: 'edge' } : { app: 'client' };
  const metadata = { NAME: name, NAMESPACE, WORKLOAD_NAME: name, SERVICE_ACCOUNT: name, INSTANCE_IPS: address, LABELS: labels };
  const node = {
    id: `${type}~${address}~${name}.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`,
    cluster: `${name}.${NAMESPACE}`,
    metadata: { ...metadata, CLUSTER_ID: 'Kubernetes', INTERCEPTION_MODE: 'REDIRECT', ISTIO_VERSION: '1.31.0' },
  };
  const xds = { load_assignment: assignment('xds-grpc', { pipe: { path: xdsPath } }) };
  const agent = { name: 'sds-grpc', type: 'STATIC', load_assignment: assignment('sds-grpc', { pipe: { path: agentPath } }) };
  return startMeshProxy(folder, name, bootstrapOf(xds, node, path.join(folder, `${name}.sock`), [agent]), ISOLATED);
}

/** What Istio's agent is to a proxy: a server of secrets on a Unix socket, whatever they are called. */
export async function startAgent(socketPath: string): Promise<{ readonly asked: ReadonlySet<string>; close(): Promise<void> }> {
  const ca = createTestCa('agent');
  const pair = ca.issue(`URI:spiffe://cluster.local/ns/${NAMESPACE}/sa/agent`);
  const asked = new Set<string>();
  const secretOf = (name: string): Any => {
    const own = { certificateChain: { inlineString: pair.certificateChain }, privateKey: { inlineString: pair.privateKey } };
    const roots = { trustedCa: { inlineString: ca.root } };
    return anyPack(
      SecretSchema,
      fromJson(SecretSchema, { name, ...(name === 'default' ? { tlsCertificate: own } : { validationContext: roots }) }),
    );
  };
  const server = await serveGrpc(
    { path: socketPath },
    (router) =>
      router.service(SecretDiscoveryService, {
        async *streamSecrets(requests) {
          for await (const { resourceNames, responseNonce } of requests) {
            if (responseNonce !== '') continue;
            for (const name of resourceNames) asked.add(name);
            yield { versionInfo: '1', nonce: '1', typeUrl: SECRET_TYPE, resources: resourceNames.map(secretOf) };
          }
        },
      }),
    silentLog,
  );
  return { asked, close: () => server.close() };
}

/** A Unix socket whose connections lead to a port of loopback: namespaces do not part it. */
export async function bridge(socketPath: string, port: number): Promise<{ close(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => [near, far].forEach((each) => each.destroy()));
    }
    near.pipe(far).pipe(near);
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

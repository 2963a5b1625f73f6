/** What the control plane knows about a proxy: its xDS node, read once a stream. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import type { Locality, Protocol } from '../../model/service.ts';
import type { ExplicitUpstream, WorkloadPort } from '../../model/workload.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

export interface ProxyNode {
  readonly id: string;
  readonly role: 'sidecar' | 'router';
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** The workload's name; '' where the proxy does not say. */
  readonly workload: string;
  readonly addresses: readonly string[];
  /** '' where the proxy does not say. */
  readonly locality: Locality;
  /** Decides which extensions beyond stock Envoy's it gets. */
  readonly userAgent: 'tulle' | 'istio' | 'other';
  readonly interception: 'REDIRECT' | 'NONE';
  /** The application's ports as registered, `appPort` being where it really listens; empty where the model's endpoints have to say. */
  readonly ports: readonly (WorkloadPort & { readonly listen: number; readonly appPort: number })[];
  /** Where it takes TCP connections of peers as tunnels (HBONE); undefined where it takes none. */
  readonly hbonePort?: number;
  readonly explicit: { readonly httpProxyPort: number; readonly upstreams: readonly ExplicitUpstream[] } | undefined;
  /** `<app>.<namespace>`: what the node says in `cluster`, by which tracers name the service. */
  readonly serviceCluster?: string;
  readonly meshId?: string;
  readonly clusterId?: string;
  /** What of the node's metadata is text, by its names. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The cluster of its bootstrap by which it tells the control plane of flows (metadata `TULLE.flows`); absent: it does not. */
  readonly flowCluster?: string;
  /** Asks for clusters as traffic needs them (metadata `TULLE.onDemand`). */
  readonly isOnDemand: boolean;
  /** Asks for virtual hosts in the same way: a sidecar that does so, by delta xDS, which alone has a word for it. */
  readonly hasHostsOnDemand: boolean;
}

/** True where one of the proxy's addresses is IPv6. */
export function hasIpv6Address({ addresses }: Pick<ProxyNode, 'addresses'>): boolean {
  return addresses.some((address) => address.includes(':'));
}

const PROTOCOLS: readonly Protocol[] = ['http', 'http2', 'grpc', 'grpc-web', 'https', 'tls', 'tcp', 'mongo', 'redis', 'mysql', 'auto'];

function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function portNumber(value: JsonValue | undefined, path: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new ConfigError(path, `${JSON.stringify(value)} is not a port`);
}

function protocolOf(value: JsonValue | undefined, path: string): Protocol {
  const protocol = PROTOCOLS.find((known) => known === value);
  if (protocol === undefined) throw new ConfigError(path, `${JSON.stringify(value)} is not one of ${PROTOCOLS.join(', ')}`);
  return protocol;
}

function portsOf(register: JsonObject): ProxyNode['ports'] {
  return list(register['ports']).map((entry, i) => {
    const path = `node.metadata.TULLE.register.ports[${i}]`;
    const port = object(entry);
    const number = portNumber(port['number'], `${path}.number`);
    return {
      name: text(port['name']),
      number,
      protocol: protocolOf(port['protocol'], `${path}.protocol`),
      listen: port['listen'] === undefined ? number : portNumber(port['listen'], `${path}.listen`),
      appPort: port['appPort'] === undefined ? number : portNumber(port['appPort'], `${path}.appPort`),
    };
  });
}

function hbonePortOf({ hbonePort }: JsonObject): Pick<ProxyNode, 'hbonePort'> {
  return hbonePort === undefined ? {} : { hbonePort: portNumber(hbonePort, 'node.metadata.TULLE.register.hbonePort') };
}

function flowClusterOf({ flows }: JsonObject): Pick<ProxyNode, 'flowCluster'> {
  return text(flows) === '' ? {} : { flowCluster: text(flows) };
}

function explicitOf(value: JsonValue | undefined): ProxyNode['explicit'] {
  if (value === undefined) return undefined;
  const explicit = object(value);
  const upstreams = list(explicit['upstreams']).map((entry, i) => {
    const path = `node.metadata.TULLE.explicit.upstreams[${i}]`;
    const upstream = object(entry);
    return {
      host: text(upstream['host']),
      port: portNumber(upstream['port'], `${path}.port`),
      localPort: portNumber(upstream['localPort'], `${path}.localPort`),
    };
  });
  return { httpProxyPort: portNumber(explicit['httpProxyPort'], 'node.metadata.TULLE.explicit.httpProxyPort'), upstreams };
}

/** The fields that are text. */
function labelsOf(value: JsonValue | undefined): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, label] of Object.entries(object(value))) if (typeof label === 'string') labels[key] = label;
  return labels;
}

function localityOf({ locality }: Node): Locality {
  const { region = '', zone = '', subZone = '' } = locality ?? {};
  return [region, zone, subZone].join('/').replace(/\/+$/, '');
}

function userAgentOf(node: Node, metadata: JsonObject): ProxyNode['userAgent'] {
  if (node.userAgentName === 'tulle') return 'tulle';
  return metadata['ISTIO_VERSION'] === undefined ? 'other' : 'istio';
}

/**
 * Reads an xDS node: its id (`sidecar~<address>~<instance>.<namespace>~<domain>`) and the metadata of
 * ARCHITECTURE.md, "Node metadata". Throws ConfigError naming the field that cannot be read.
 */
export function proxyNodeOf(node: Node): ProxyNode {
  const [role, idAddress = '', name = '', domain = ''] = node.id.split('~');
  if (role !== 'sidecar' && role !== 'router') {
    throw new ConfigError(
      'node.id',
      `${JSON.stringify(node.id)} is not of the form sidecar~<address>~<instance>.<namespace>~<domain>, or router~…`,
    );
  }
  const metadata = node.metadata ?? {};
  const tulle = object(metadata['TULLE']);
  const explicit = explicitOf(tulle['explicit']);
  const addresses = text(metadata['INSTANCE_IPS'])
    .split(',')
    .filter((ip) => ip !== '');
  return {
    id: node.id,
    role,
    namespace: text(metadata['NAMESPACE']) || (domain.split('.')[0] ?? '') || name.slice(name.lastIndexOf('.') + 1),
    labels: labelsOf(metadata['LABELS']),
    metadata: labelsOf(metadata),
    serviceAccount: text(metadata['SERVICE_ACCOUNT']) || 'default',
    workload: text(metadata['WORKLOAD_NAME']),
    serviceCluster: node.cluster,
    meshId: text(metadata['MESH_ID']),
    clusterId: text(metadata['CLUSTER_ID']),
    addresses: addresses.length > 0 ? addresses : [idAddress],
    locality: localityOf(node),
    userAgent: userAgentOf(node, metadata),
    interception: metadata['INTERCEPTION_MODE'] === 'NONE' ? 'NONE' : 'REDIRECT',
    ports: portsOf(object(tulle['register'])),
    ...hbonePortOf(object(tulle['register'])),
    explicit,
    isOnDemand: tulle['onDemand'] === true,
    hasHostsOnDemand: tulle['onDemand'] === true && role === 'sidecar',
    ...flowClusterOf(tulle),
  };
}

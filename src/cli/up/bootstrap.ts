/** The Envoy v3 bootstrap of one instance's proxy, and the node metadata of ARCHITECTURE.md in it. Pure. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { CLUSTER_ID } from '../../model/node-id.ts';
import type { Workload } from '../../model/workload.ts';
import type { Place } from './place.ts';

const XDS_CLUSTER = 'xds-grpc';

export interface BootstrapInput {
  readonly workload: Workload;
  /** `payments-v1-0`. */
  readonly instance: string;
  readonly place: Pick<Place, 'addresses' | 'ports' | 'hbonePort' | 'metadata' | 'tulleMetadata' | 'nameServers'>;
  readonly xdsSocket: string;
  readonly adminSocket: string;
  readonly tokenFile: string;
  /** The content of `tokenFile`: the xDS stream proves who it is with it. */
  readonly token: string;
}

function registration({ workload, place }: BootstrapInput): JsonObject {
  const ports = place.ports.map(({ name, number, protocol, listen, appPort }) => ({
    name,
    number,
    protocol,
    listen,
    ...(appPort === undefined ? {} : { appPort }),
  }));
  const { hbonePort } = place;
  return { address: place.addresses[0] ?? '', locality: workload.locality, ports, ...(hbonePort === undefined ? {} : { hbonePort }) };
}

function localityOf(locality: string): JsonObject {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return region === '' ? {} : { locality: { region, zone, sub_zone: subZone } };
}

/**
 * The labels that Istio's injector adds to a pod, from which metrics take the canonical service and revision. Source:
 * istio, `service.istio.io/canonical-name`: that label, app.kubernetes.io/name, app, or the workload's name.
 */
function labelsOf({ labels, name }: Workload): Record<string, string> {
  return {
    'service.istio.io/canonical-name': labels['app.kubernetes.io/name'] ?? labels['app'] ?? name,
    'service.istio.io/canonical-revision': labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest',
    ...labels,
  };
}

function nodeOf(input: BootstrapInput): JsonObject {
  const { workload, instance, place, tokenFile } = input;
  const { namespace, name, role } = workload;
  return {
    id: `${role}~${place.addresses[0]}~${instance}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${workload.labels['app'] ?? name}.${namespace}`,
    ...localityOf(workload.locality),
    metadata: {
      NAMESPACE: namespace,
      NAME: instance,
      WORKLOAD_NAME: name,
      LABELS: labelsOf(workload),
      SERVICE_ACCOUNT: workload.serviceAccount,
      INSTANCE_IPS: place.addresses.join(','),
      CLUSTER_ID,
      MESH_ID: 'cluster.local',
      ...place.metadata,
      TULLE: {
        register: registration(input),
        identity: { tokenFile },
        onDemand: true,
        flows: XDS_CLUSTER,
        signals: true,
        ...place.tulleMetadata,
      },
    },
  };
}

/** Pushes what is counted to the control plane, which knows golden signals from it. */
function metricsSink({ token }: BootstrapInput): JsonObject {
  return {
    name: 'envoy.stat_sinks.metrics_service',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig',
      transport_api_version: 'V3',
      grpc_service: {
        envoy_grpc: { cluster_name: XDS_CLUSTER },
        initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }],
      },
      report_counters_as_deltas: true,
      emit_tags_as_labels: true,
      histogram_emit_mode: 'HISTOGRAM',
    },
  };
}

function xdsCluster(xdsSocket: string): JsonValue {
  return {
    name: XDS_CLUSTER,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: XDS_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: xdsSocket } } } }] }],
    },
  };
}

const DNS_PORT = 53;

/** Whom clusters ask for names that do not say it themselves. */
function resolverOf(nameServers: readonly string[]): JsonObject {
  return {
    name: 'envoy.network.dns_resolver.cares',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      resolvers: nameServers.map((address) => ({ socket_address: { address, port_value: DNS_PORT } })),
    },
  };
}

/** The bootstrap as a value; JSON is YAML, so it is written as it is. */
export function bootstrapOf(input: BootstrapInput): JsonObject {
  const { nameServers = [] } = input.place;
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  return {
    node: nodeOf(input),
    admin: { address: { pipe: { path: input.adminSocket, mode: 0o600 } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: { cluster_name: XDS_CLUSTER },
            initial_metadata: [{ key: 'authorization', value: `Bearer ${input.token}` }],
          },
        ],
      },
      lds_config: ads,
      cds_config: ads,
    },
    // what the control plane asks for while somebody looks on
    layered_runtime: { layers: [{ name: 'tulle', rtds_layer: { name: 'tulle', rtds_config: ads } }] },
    static_resources: { clusters: [xdsCluster(input.xdsSocket)] },
    ...(nameServers.length > 0 && { typed_dns_resolver_config: resolverOf(nameServers) }),
    stats_sinks: [metricsSink(input)],
    stats_flush_interval: '5s',
  };
}

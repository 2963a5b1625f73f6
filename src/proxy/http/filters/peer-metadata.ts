/**
 * Istio's peer metadata filter, first in its sidecars' chains: which side reads and which tells is configured.
 * `workload_discovery` (a fallback to a list of all workloads that ambient proxies have) finds nobody here, as in a
 * sidecar that has no such list.
 */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import { createExchange, type ExchangeOptions } from '../../telemetry/peer-exchange.ts';
import type { ClusterManager } from '../../cluster/cluster.ts';
import { metadataAt } from '../../telemetry/metadata-path.ts';
import { CONTINUE, type HttpFilter } from '../filter.ts';
import type { StreamInfo } from '../stream-info.ts';

const FIELDS: ReadonlySet<string> = new Set([
  'downstream_discovery',
  'upstream_discovery',
  'downstream_propagation',
  'upstream_propagation',
]);

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How a side tells or learns of its peer: by headers, and with which options. */
interface Methods {
  readonly usesHeaders: boolean;
  readonly skipsExternal: boolean;
}

/** Reads the options of one method; `skip_external_clusters` is only for what goes upstream. */
function readOptions(value: JsonValue, maySkip: boolean, path: string): boolean {
  let skips = false;
  for (const [option, own] of Object.entries(isObject(value) ? value : {})) {
    if (option !== 'skip_external_clusters' || !maySkip) throw new ConfigError(`${path}.${option}`, 'is not supported by Tulle');
    skips = own === true;
  }
  return skips;
}

function readMethods(config: JsonObject, field: string, path: string): Methods {
  const methods = config[field] ?? [];
  if (!Array.isArray(methods)) throw new ConfigError(`${path}.${field}`, 'is not a list');
  let usesHeaders = false;
  let skipsExternal = false;
  for (const [i, method] of methods.entries()) {
    for (const [name, value] of Object.entries(isObject(method) ? method : {})) {
      const at = `${path}.${field}[${i}].${name}`;
      if (name !== 'istio_headers' && name !== 'workload_discovery') throw new ConfigError(at, 'is not supported by Tulle');
      const isHeaders = name === 'istio_headers';
      skipsExternal ||= readOptions(value, isHeaders && field === 'upstream_propagation', at);
      usesHeaders ||= isHeaders;
    }
  }
  return { usesHeaders, skipsExternal };
}

/** What is configured; `skipsExternal`: nothing is told to clusters outside of the mesh. */
interface PeerConfig extends Omit<ExchangeOptions, 'leavesMesh'> {
  readonly skipsExternal: boolean;
}

function parse(value: unknown, path: string): PeerConfig {
  const config = isJsonObject(value) ? value : {};
  for (const field of Object.keys(config)) {
    if (!FIELDS.has(field)) throw new ConfigError(`${path}.${field}`, 'is not supported by Tulle');
  }
  const upstream = readMethods(config, 'upstream_propagation', path);
  return {
    readsRequest: readMethods(config, 'downstream_discovery', path).usesHeaders,
    readsResponse: readMethods(config, 'upstream_discovery', path).usesHeaders,
    marksResponse: readMethods(config, 'downstream_propagation', path).usesHeaders,
    marksRequest: upstream.usesHeaders,
    skipsExternal: upstream.skipsExternal,
  };
}

/** Whether a request's cluster is not to be told who sends it. Istio: `disable_mx` and `external` of the cluster's metadata. */
function leavesMesh(clusters: ClusterManager, skipsExternal: boolean, { clusterName }: StreamInfo): boolean {
  if (skipsExternal && clusterName === 'PassthroughCluster') return true;
  const metadata = clusters.get(clusterName)?.metadata;
  if (metadata === undefined) return false;
  if (metadataAt(metadata, ['istio', 'disable_mx']) === true) return true;
  return skipsExternal && metadataAt(metadata, ['istio', 'external']) === true;
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null;
}

/** Leaves the peer for `istio.stats` in the stream's metadata, as `istio.peer`. */
export const peerMetadata = {
  name: 'envoy.filters.http.peer_metadata',
  schema: undefined,
  structTypeUrl: 'type.googleapis.com/io.istio.http.peer_metadata.Config',
  parse,
  create({ skipsExternal, ...options }, { node, clusters }) {
    const exchange = createExchange(node, { ...options, leavesMesh: (info) => leavesMesh(clusters, skipsExternal, info) });
    return {
      onRequestHeaders(stream) {
        exchange.onRequest(stream);
        return CONTINUE;
      },
      onResponseHeaders(stream) {
        exchange.onResponse(stream);
        return CONTINUE;
      },
    };
  },
} satisfies HttpFilter<never, PeerConfig>;

/**
 * Istio's peer metadata filter, first in its sidecars' chains: which side reads and which tells is configured.
 * `workload_discovery` (a fallback to a list of all workloads that ambient proxies have) finds nobody here, as in a
 * sidecar that has no such list.
 */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import { createExchange, type ExchangeOptions } from '../../telemetry/peer-exchange.ts';
import { CONTINUE, type HttpFilter } from '../filter.ts';

const FIELDS: ReadonlySet<string> = new Set([
  'downstream_discovery',
  'upstream_discovery',
  'downstream_propagation',
  'upstream_propagation',
]);

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True where one of a list's methods is headers. */
function usesHeaders(config: JsonObject, field: string, path: string): boolean {
  const methods = config[field] ?? [];
  if (!Array.isArray(methods)) throw new ConfigError(`${path}.${field}`, 'is not a list');
  let isUsed = false;
  for (const [i, method] of methods.entries()) {
    for (const [name, value] of Object.entries(isObject(method) ? method : {})) {
      const at = `${path}.${field}[${i}].${name}`;
      if (name !== 'istio_headers' && name !== 'workload_discovery') throw new ConfigError(at, 'is not supported by Tulle');
      for (const option of Object.keys(isObject(value) ? value : {})) throw new ConfigError(`${at}.${option}`, 'is not supported by Tulle');
      isUsed ||= name === 'istio_headers';
    }
  }
  return isUsed;
}

function parse(value: unknown, path: string): ExchangeOptions {
  const config = isJsonObject(value) ? value : {};
  for (const field of Object.keys(config)) {
    if (!FIELDS.has(field)) throw new ConfigError(`${path}.${field}`, 'is not supported by Tulle');
  }
  return {
    readsRequest: usesHeaders(config, 'downstream_discovery', path),
    readsResponse: usesHeaders(config, 'upstream_discovery', path),
    marksResponse: usesHeaders(config, 'downstream_propagation', path),
    marksRequest: usesHeaders(config, 'upstream_propagation', path),
  };
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
  create(options, { node }) {
    const exchange = createExchange(node, options);
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
} satisfies HttpFilter<never, ExchangeOptions>;

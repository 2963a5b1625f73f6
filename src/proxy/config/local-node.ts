/** What the bootstrap says of the proxy itself: its node, and under `TULLE` what it is to do beyond Envoy's protocol. */
import { clone, create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { type Node, NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { LocalNode } from '../http/filter.ts';

/** How the proxy answers names for its application. */
export interface DnsSettings {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly upstreams: readonly { readonly address: string; readonly port: number }[];
  readonly searchDomains: readonly string[];
}

/** Node metadata `TULLE`; see ARCHITECTURE.md. */
export interface TulleSettings {
  /** Where the bearer token stands by which the proxy gets its certificate; undefined: it has no identity of its own. */
  readonly tokenFile: string | undefined;
  /** Clusters are asked for by name, as traffic needs them. */
  readonly isOnDemand: boolean;
  readonly dns: DnsSettings | undefined;
  /** Label sets of one metric above which the rest is counted as `overflow`; undefined for the default. */
  readonly metricSeriesMax: number | undefined;
  /** Sinks towards the server of ADS are told of Istio's and Tulle's metrics alone. */
  readonly pushesSignals: boolean;
}

const PATH = 'node.metadata.TULLE';

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textAt(value: JsonValue | undefined, path: string): string {
  if (typeof value !== 'string' || value === '') throw new ConfigError(path, 'is not a text');
  return value;
}

function portAt(value: JsonValue | undefined, path: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 65_535) throw new ConfigError(path, 'is not a port');
  return value;
}

function listAt(value: JsonValue | undefined, path: string): readonly JsonValue[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ConfigError(path, 'is not a list');
  return value;
}

function readDns(value: JsonValue | undefined): DnsSettings | undefined {
  if (value === undefined) return undefined;
  const path = `${PATH}.dns`;
  if (!isObject(value)) throw new ConfigError(path, 'is not an object');
  const addresses = value['addresses'] ?? [value['address'] ?? ''];
  return {
    addresses: listAt(addresses, `${path}.addresses`).map((address, i) => textAt(address, `${path}.addresses[${i}]`)),
    port: portAt(value['port'], `${path}.port`),
    upstreams: listAt(value['upstreams'], `${path}.upstreams`).map((upstream, i) => {
      const at = `${path}.upstreams[${i}]`;
      if (!isObject(upstream)) throw new ConfigError(at, 'is not an object');
      return { address: textAt(upstream['address'], `${at}.address`), port: portAt(upstream['port'], `${at}.port`) };
    }),
    searchDomains: listAt(value['searchDomains'], `${path}.searchDomains`).map((domain, i) =>
      textAt(domain, `${path}.searchDomains[${i}]`),
    ),
  };
}

function readSeriesMax(value: JsonValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1)
    throw new ConfigError(`${PATH}.metricSeriesMax`, 'is no number above 0');
  return value;
}

/** Reads `TULLE` of the node's metadata. Throws ConfigError. */
export function readTulleSettings(node: Node | undefined): TulleSettings {
  const tulle = node?.metadata?.['TULLE'];
  if (tulle !== undefined && !isObject(tulle)) throw new ConfigError(PATH, 'is not an object');
  const identity = tulle?.['identity'];
  if (identity !== undefined && !isObject(identity)) throw new ConfigError(`${PATH}.identity`, 'is not an object');
  return {
    tokenFile: identity === undefined ? undefined : textAt(identity['tokenFile'], `${PATH}.identity.tokenFile`),
    isOnDemand: tulle?.['onDemand'] === true,
    dns: readDns(tulle?.['dns']),
    metricSeriesMax: readSeriesMax(tulle?.['metricSeriesMax']),
    pushesSignals: tulle?.['signals'] === true,
  };
}

/** The node as the proxy's own parts see it; `version` is the program's, `runtime` changes while it runs. */
export function localNodeOf(bootstrap: Bootstrap, version: string, runtime: LocalNode['runtime'] = {}): LocalNode {
  const { node } = bootstrap;
  return {
    id: node?.id ?? '',
    cluster: node?.cluster ?? '',
    metadata: node?.metadata ?? {},
    zone: node?.locality?.zone ?? '',
    version,
    runtime,
  };
}

/** The node as servers see it: the bootstrap's, with the name of who speaks. */
export function announcedNode(bootstrap: Bootstrap, version: string): Node {
  const node = bootstrap.node === undefined ? create(NodeSchema) : clone(NodeSchema, bootstrap.node);
  node.userAgentName = 'tulle';
  node.userAgentVersionType = { case: 'userAgentVersion', value: version };
  return node;
}

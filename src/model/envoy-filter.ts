/** Changes to what proxies are sent, in Envoy's own words: Istio's EnvoyFilter. */
import type { Provenance } from './provenance.ts';
import type { PolicyTarget } from './security.ts';

/** JSON as it was written: a patch's value before it is read as one of Envoy's messages. */
type Json = string | number | boolean | null | Json[] | JsonObject;

interface JsonObject {
  [key: string]: Json;
}

/** What kind of Envoy's objects a patch changes. */
export const APPLY_TO = [
  'LISTENER',
  'LISTENER_FILTER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
] as const;

/** One of {@link APPLY_TO}. */
export type ApplyTo = (typeof APPLY_TO)[number];

/** What a patch does, by Istio's names. */
export const PATCH_OPERATIONS = [
  'MERGE',
  'MERGE_AND_REPLACE_LIST',
  'ADD',
  'REMOVE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
] as const;

/** One of {@link PATCH_OPERATIONS}. */
export type PatchOperation = (typeof PATCH_OPERATIONS)[number];

/** Which side of which proxy something is for. */
export type PatchContext = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

/** A filter chain; '' and 0 match anything. */
export interface FilterChainMatch {
  readonly name: string;
  readonly sni: string;
  readonly transportProtocol: string;
  /** All of them. */
  readonly applicationProtocols: readonly string[];
  readonly destinationPort: number;
  /** Name of a network filter; undefined: any. */
  readonly filter: string | undefined;
  /** Name of an HTTP filter within it; undefined: any. */
  readonly subFilter: string | undefined;
}

/** A listener; '' and 0 match anything. */
export interface ListenerMatch {
  readonly name: string;
  readonly portNumber: number;
  readonly listenerFilter: string;
  readonly filterChain: FilterChainMatch | undefined;
}

/** A virtual host, and a route in it; '' matches anything. */
interface VirtualHostMatch {
  readonly name: string;
  readonly domainName: string;
  readonly route: { readonly name: string; readonly action: 'ANY' | 'ROUTE' | 'REDIRECT' | 'DIRECT_RESPONSE' } | undefined;
}

/** A route configuration; '' and 0 match anything. */
export interface RouteConfigurationMatch {
  readonly name: string;
  readonly portNumber: number;
  /** Of gateways only, as `gateway`. */
  readonly portName: string;
  /** `namespace/name`. */
  readonly gateway: string;
  readonly virtualHost: VirtualHostMatch | undefined;
}

/** A cluster; '' and 0 match anything. Where `name` is given the others do not count. */
export interface ClusterMatch {
  readonly name: string;
  readonly service: string;
  readonly subset: string;
  readonly portNumber: number;
}

/** Istio does not compile a longer `version`, and lets it match nothing. */
export const VERSION_LENGTH_MAX = 1_024;

/** Which proxies a patch is for. */
export interface ProxyMatch {
  /** RE2 that is found in the node's `ISTIO_VERSION`; '' is any proxy. */
  readonly version: string;
  /** Metadata of the node that must be these texts. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** One change. */
export interface ConfigPatch {
  readonly applyTo: ApplyTo;
  readonly operation: PatchOperation;
  readonly context: PatchContext | 'ANY';
  readonly proxy: ProxyMatch | undefined;
  readonly listener: ListenerMatch | undefined;
  readonly route: RouteConfigurationMatch | undefined;
  readonly cluster: ClusterMatch | undefined;
  /** Absent for REMOVE only. */
  readonly value: JsonObject | undefined;
  readonly origin: Provenance;
}

/** Patches to what is emitted for some proxies. */
export interface EnvoyFilter extends PolicyTarget {
  /** Lower ones first. */
  readonly priority: number;
  readonly patches: readonly ConfigPatch[];
  readonly createdAt: number;
  readonly origin: Provenance;
}

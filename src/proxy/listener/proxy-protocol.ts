/**
 * The listener filter `envoy.filters.listener.proxy_protocol`: what its configuration asks for, and what it makes of a
 * connection's first bytes. Source: Envoy, envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.
 */
import { parseIp } from '../../core/cidr.ts';
import { ConfigError } from '../../core/errors.ts';
import { begunVersion, parseProxyHeader } from '../../wire/proxy-protocol/header.ts';
import type { ProxyEndpoint, ProxyHeader, ProxyTlv } from '../../wire/proxy-protocol/result.ts';
import { ProxyProtocolConfig_Version as Version } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import type {
  ProxyProtocol,
  ProxyProtocol_Rule as Rule,
} from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { readPassThrough } from '../cluster/proxy-protocol-upstream.ts';
import type { Counter, StatsScope } from '../telemetry/stats.ts';
import { utf8Text } from './utf8-text.ts';

type HeaderVersion = ProxyHeader['version'];

/** Where the value of a field goes. */
interface MetadataKey {
  readonly namespace: string;
  readonly key: string;
}

/** The filter's configuration, read and checked. */
export interface ProxyProtocolSettings {
  /** Connections without a header are taken as they are. */
  readonly allowsAbsent: boolean;
  readonly disallowed: ReadonlySet<HeaderVersion>;
  /** By the type of the field. */
  readonly rules: ReadonlyMap<number, MetadataKey>;
  /** Which fields go on upstream, by their type. */
  readonly passes: (type: number) => boolean;
  /** '' for none. */
  readonly statPrefix: string;
}

/** What the first bytes are. */
export type HeaderVerdict =
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  /** There is no header, or none that is looked for. */
  | { readonly kind: 'absent'; readonly isAllowed: boolean }
  | { readonly kind: 'disallowed' | 'malformed'; readonly version: HeaderVersion };

const NAMESPACE = 'envoy.filters.listener.proxy_protocol';

const VERSIONS: ReadonlyMap<number, HeaderVersion> = new Map([
  [Version.V1, 1],
  [Version.V2, 2],
]);

function readRule({ tlvType, onTlvPresent }: Rule, path: string): readonly (readonly [number, MetadataKey])[] {
  if (tlvType > 0xff) throw new ConfigError(`${path}.tlv_type`, `${tlvType} is more than one byte`);
  if (onTlvPresent === undefined) return [];
  const { key, metadataNamespace } = onTlvPresent;
  if (key === '') throw new ConfigError(`${path}.on_tlv_present.key`, 'is empty');
  return [[tlvType, { namespace: metadataNamespace === '' ? NAMESPACE : metadataNamespace, key }]];
}

function readVersion(version: Version, path: string): HeaderVersion {
  const found = VERSIONS.get(version);
  if (found === undefined) throw new ConfigError(path, `${version} is not a version of the protocol`);
  return found;
}

/** Reads the filter's configuration; `path` is its own. Of two rules for one type the last counts. */
export function readProxyProtocol(config: ProxyProtocol, path: string): ProxyProtocolSettings {
  return {
    allowsAbsent: config.allowRequestsWithoutProxyProtocol,
    disallowed: new Set(config.disallowedVersions.map((version, i) => readVersion(version, `${path}.disallowed_versions[${i}]`))),
    rules: new Map(config.rules.flatMap((rule, i) => readRule(rule, `${path}.rules[${i}]`))),
    passes: readPassThrough(config.passThroughTlvs, `${path}.pass_through_tlvs`),
    statPrefix: config.statPrefix,
  };
}

/** Whether a TCP connection can have an end there: no multicast, no broadcast, no unspecified address. */
function isUnicast({ address }: ProxyEndpoint): boolean {
  const bytes = parseIp(address);
  const [first = 0] = bytes ?? [];
  if (bytes === undefined || bytes.every((byte) => byte === 0)) return false;
  if (bytes.length === 16) return first !== 0xff;
  return (first & 0xf0) !== 0xe0 && bytes.some((byte) => byte !== 0xff);
}

/** Judges a connection's first bytes, of which there is one at least; undefined: more are needed. */
export function judgeHeader(bytes: Uint8Array, settings: ProxyProtocolSettings): HeaderVerdict | undefined {
  const { allowsAbsent: isAllowed, disallowed } = settings;
  const version = begunVersion(bytes);
  // Where connections may come without, a version that is not looked for is the client's own bytes.
  if (version === undefined || (isAllowed && disallowed.has(version))) return { kind: 'absent', isAllowed };
  const result = parseProxyHeader(bytes);
  if (result.kind === 'incomplete') return undefined;
  if (disallowed.has(version)) return { kind: 'disallowed', version };
  if (result.kind !== 'header') return { kind: 'malformed', version };
  const { endpoints } = result.header;
  if (endpoints !== undefined && !(isUnicast(endpoints.source) && isUnicast(endpoints.destination))) return { kind: 'malformed', version };
  return { kind: 'header', header: result.header };
}

/** The fields that rules ask for, by namespace; of several for one key the first counts. Undefined where there are none. */
export function metadataOf(
  tlvs: readonly ProxyTlv[],
  { rules }: ProxyProtocolSettings,
): ReadonlyMap<string, Readonly<Record<string, string>>> | undefined {
  const found = new Map<string, Record<string, string>>();
  for (const { type, value } of tlvs) {
    const rule = rules.get(type);
    if (rule === undefined) continue;
    const { namespace, key } = rule;
    found.set(namespace, { [key]: utf8Text(value), ...found.get(namespace) });
  }
  return found.size === 0 ? undefined : found;
}

/** Counts verdicts as Envoy does: below `proxy_proto`, for all listeners together. */
export class ProxyProtocolStats {
  /** The older of Envoy's counters: headers that are wrong or missing. */
  readonly #errors: Counter;
  readonly #scope: StatsScope;

  /** `root` is the registry's. */
  constructor(root: StatsScope, statPrefix: string) {
    this.#errors = root.counter('downstream_cx_proxy_proto_error');
    this.#scope = root.scope(statPrefix === '' ? 'proxy_proto' : `proxy_proto.${statPrefix}`);
    for (const name of ['allowed', 'disallowed']) this.#scope.counter(`not_found_${name}`);
    for (const version of VERSIONS.values()) {
      for (const name of ['found', 'disallowed', 'error']) this.#scope.counter(`versions.v${version}.${name}`);
    }
  }

  count(verdict: HeaderVerdict): void {
    if (verdict.kind === 'malformed' || (verdict.kind === 'absent' && !verdict.isAllowed)) this.#errors.value++;
    if (verdict.kind === 'absent') {
      this.#scope.counter(verdict.isAllowed ? 'not_found_allowed' : 'not_found_disallowed').value++;
      return;
    }
    const below = `versions.v${verdict.kind === 'header' ? verdict.header.version : verdict.version}`;
    if (verdict.kind === 'malformed') this.#scope.counter(`${below}.error`).value++;
    else this.#scope.counter(`${below}.found`).value++;
    if (verdict.kind === 'disallowed') this.#scope.counter(`${below}.disallowed`).value++;
  }
}

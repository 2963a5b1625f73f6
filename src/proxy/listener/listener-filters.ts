import { create, isMessage } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { durationMs } from '../config/durations.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { Listener as ListenerProto } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { ListenerFilter, ListenerFilterChainMatchPredicate } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { LocalRateLimitSchema } from '../../xds/gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import {
  type TlsInspector,
  TlsInspectorSchema,
} from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import type { Fingerprints } from '../tls/hello-fingerprint.ts';
import { type ListenerRateLimit, readListenerRateLimit } from './local-rate-limit.ts';
import { type ProxyProtocolSettings, readProxyProtocol } from './proxy-protocol.ts';

/** True where a filter is to run for a connection to this port. */
type PortPredicate = (destinationPort: number) => boolean;

interface RateLimitFilter {
  readonly runs: PortPredicate;
  readonly limit: ListenerRateLimit;
}

interface ProxyProtocolFilter {
  readonly runs: PortPredicate;
  readonly settings: ProxyProtocolSettings;
  /** What `original_dst` finds out counts more than the header. */
  readonly isBeforeOriginalDst: boolean;
}

/** The listener filters of a listener: each absent, or with the ports it runs for. */
export interface ListenerFilters {
  readonly originalDst: PortPredicate | undefined;
  readonly proxyProtocol: ProxyProtocolFilter | undefined;
  /** Comes before all that read. */
  readonly rateLimit: RateLimitFilter | undefined;
  readonly tlsInspector: PortPredicate | undefined;
  /** What `tls_inspector` is to make of a ClientHello; undefined: nothing. */
  readonly fingerprints: Fingerprints | undefined;
  readonly httpInspector: PortPredicate | undefined;
  /** 0: wait for ever. */
  readonly timeoutMs: number;
  /** What happens at the timeout: true goes on with what is known, false closes. */
  readonly continuesOnTimeout: boolean;
}

const TIMEOUT_MS = 15_000;

const KINDS = [
  ['originalDst', OriginalDstSchema, 'envoy.filters.listener.original_dst'],
  ['proxyProtocol', ProxyProtocolSchema, 'envoy.filters.listener.proxy_protocol'],
  ['tlsInspector', TlsInspectorSchema, 'envoy.filters.listener.tls_inspector'],
  ['rateLimit', LocalRateLimitSchema, 'envoy.filters.listener.local_ratelimit'],
  ['httpInspector', HttpInspectorSchema, 'envoy.filters.listener.http_inspector'],
] as const;

function compilePredicate(predicate: ListenerFilterChainMatchPredicate, path: string): PortPredicate {
  const { rule } = predicate;
  switch (rule.case) {
    case 'anyMatch':
      return () => rule.value;
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return (port) => port >= start && port < end;
    }
    case 'notMatch': {
      const inner = compilePredicate(rule.value, `${path}.not_match`);
      return (port) => !inner(port);
    }
    case 'orMatch': {
      const inner = rule.value.rules.map((each, i) => compilePredicate(each, `${path}.or_match.rules[${i}]`));
      return (port) => inner.some((matches) => matches(port));
    }
    case 'andMatch': {
      const inner = rule.value.rules.map((each, i) => compilePredicate(each, `${path}.and_match.rules[${i}]`));
      return (port) => inner.every((matches) => matches(port));
    }
    case undefined:
      throw new ConfigError(path, 'the predicate has no rule');
  }
}

type Kind = (typeof KINDS)[number][0];

interface Entry {
  readonly kind: Kind;
  readonly runs: PortPredicate;
  readonly proxyProtocol: ProxyProtocolSettings | undefined;
  readonly rateLimit: ListenerRateLimit | undefined;
  readonly fingerprints: Fingerprints | undefined;
}

function readFingerprints(message: TlsInspector): Fingerprints | undefined {
  const { enableJa3Fingerprinting: ja3 = false, enableJa4Fingerprinting: ja4 = false } = message;
  return ja3 || ja4 ? { ja3, ja4 } : undefined;
}

function readFilter(filter: ListenerFilter, path: string): Entry {
  const any = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  const row = KINDS.find(([, schema, name]) => (any === undefined ? name === filter.name : typeNameOf(any) === schema.typeName));
  if (row === undefined) {
    const known = KINDS.map(([, , name]) => name).join(', ');
    throw new ConfigError(path, `${filter.name} is not a supported listener filter (${known})`);
  }
  const at = `${path}.typed_config`;
  const [kind, schema] = row;
  const message = any === undefined ? create(schema) : decodeTyped(any, schema, at);
  const disabled = filter.filterDisabled && compilePredicate(filter.filterDisabled, `${path}.filter_disabled`);
  return {
    kind,
    runs: disabled === undefined ? () => true : (port) => !disabled(port),
    proxyProtocol: isMessage(message, ProxyProtocolSchema) ? readProxyProtocol(message, at) : undefined,
    rateLimit: isMessage(message, LocalRateLimitSchema) ? readListenerRateLimit(message, at) : undefined,
    fingerprints: isMessage(message, TlsInspectorSchema) ? readFingerprints(message) : undefined,
  };
}

/** Reads `listener_filters` and what belongs to them; `path` is the listener's. */
export function readListenerFilters(config: ListenerProto, path: string): ListenerFilters {
  const found: { -readonly [Key in Kind]?: PortPredicate } = {};
  let proxyProtocol: ListenerFilters['proxyProtocol'];
  let rateLimit: ListenerFilters['rateLimit'];
  let fingerprints: Fingerprints | undefined;
  for (const [i, filter] of config.listenerFilters.entries()) {
    const at = `${path}.listener_filters[${i}]`;
    const { kind, runs, proxyProtocol: settings, rateLimit: limit, fingerprints: wanted } = readFilter(filter, at);
    fingerprints ??= wanted;
    if (found[kind] !== undefined) throw new ConfigError(at, `${filter.name} stands there twice`);
    if (settings !== undefined) {
      if (found.tlsInspector !== undefined || found.httpInspector !== undefined)
        throw new ConfigError(at, `${filter.name} must stand before tls_inspector and http_inspector: they would see its header`);
      proxyProtocol = { runs, settings, isBeforeOriginalDst: found.originalDst === undefined };
    }
    if (limit !== undefined) rateLimit = { runs, limit };
    found[kind] = runs;
  }
  return {
    // Envoy adds the filter to a listener that hands connections over (ListenerImpl::buildOriginalDstListenerFilter)
    originalDst: found.originalDst ?? ((config.useOriginalDst ?? false) ? () => true : undefined),
    proxyProtocol,
    rateLimit,
    tlsInspector: found.tlsInspector,
    fingerprints,
    httpInspector: found.httpInspector,
    timeoutMs: durationMs(config.listenerFiltersTimeout, TIMEOUT_MS),
    continuesOnTimeout: config.continueOnListenerFiltersTimeout,
  };
}

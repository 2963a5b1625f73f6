import { ConfigError } from '../../core/errors.ts';
import { durationMs } from '../config/durations.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { Listener as ListenerProto } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { ListenerFilter, ListenerFilterChainMatchPredicate } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';

/** True where a filter is to run for a connection to this port. */
type PortPredicate = (destinationPort: number) => boolean;

/** The listener filters of a listener: each absent, or with the ports it runs for. */
export interface ListenerFilters {
  readonly originalDst: PortPredicate | undefined;
  readonly tlsInspector: PortPredicate | undefined;
  readonly httpInspector: PortPredicate | undefined;
  /** 0: wait for ever. */
  readonly timeoutMs: number;
  /** What happens at the timeout: true goes on with what is known, false closes. */
  readonly continuesOnTimeout: boolean;
}

const TIMEOUT_MS = 15_000;

const KINDS = [
  ['originalDst', OriginalDstSchema, 'envoy.filters.listener.original_dst'],
  ['tlsInspector', TlsInspectorSchema, 'envoy.filters.listener.tls_inspector'],
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

function readFilter(filter: ListenerFilter, path: string): { kind: (typeof KINDS)[number][0]; runs: PortPredicate } {
  const any = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  const row = KINDS.find(([, schema, name]) => (any === undefined ? name === filter.name : typeNameOf(any) === schema.typeName));
  if (row === undefined) {
    const known = KINDS.map(([, , name]) => name).join(', ');
    throw new ConfigError(path, `${filter.name} is not a supported listener filter (${known})`);
  }
  if (any !== undefined) decodeTyped(any, row[1], `${path}.typed_config`);
  const disabled = filter.filterDisabled && compilePredicate(filter.filterDisabled, `${path}.filter_disabled`);
  return { kind: row[0], runs: disabled === undefined ? () => true : (port) => !disabled(port) };
}

/** Reads `listener_filters` and what belongs to them; `path` is the listener's. */
export function readListenerFilters(config: ListenerProto, path: string): ListenerFilters {
  const found: { -readonly [Key in (typeof KINDS)[number][0]]?: PortPredicate } = {};
  for (const [i, filter] of config.listenerFilters.entries()) {
    const at = `${path}.listener_filters[${i}]`;
    const { kind, runs } = readFilter(filter, at);
    if (found[kind] !== undefined) throw new ConfigError(at, `${filter.name} stands there twice`);
    found[kind] = runs;
  }
  return {
    // Envoy adds the filter to a listener that hands connections over (ListenerImpl::buildOriginalDstListenerFilter)
    originalDst: found.originalDst ?? ((config.useOriginalDst ?? false) ? () => true : undefined),
    tlsInspector: found.tlsInspector,
    httpInspector: found.httpInspector,
    timeoutMs: durationMs(config.listenerFiltersTimeout, TIMEOUT_MS),
    continuesOnTimeout: config.continueOnListenerFiltersTimeout,
  };
}

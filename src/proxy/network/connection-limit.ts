import { type Live, liveFlag } from '../config/live-values.ts';
import { ConfigError } from '../../core/errors.ts';
import {
  type ConnectionLimit,
  ConnectionLimitSchema,
} from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { durationMs } from '../config/durations.ts';
import type { NetworkFilter } from './filter.ts';
import { observeClose } from './observe-close.ts';
import { refuse } from './refusal.ts';

interface LimitConfig {
  readonly statPrefix: string;
  readonly maxConnections: number;
  /** How long a connection too many is kept waiting before it is closed. */
  readonly delayMs: number;
  readonly isEnabled: Live<boolean>;
}

function parse(message: ConnectionLimit, path: string): LimitConfig {
  if (message.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  const max = message.maxConnections;
  if (max === undefined || max < 1n) throw new ConfigError(`${path}.max_connections`, max === undefined ? 'is missing' : '0 is below 1');
  return {
    statPrefix: message.statPrefix,
    maxConnections: Number(max),
    delayMs: durationMs(message.delay, 0),
    isEnabled: liveFlag(message.runtimeEnabled, true),
  };
}

/** Lets only so many connections of a filter chain be open at a time. Envoy: envoy.filters.network.connection_limit. */
export const connectionLimit: NetworkFilter<typeof ConnectionLimitSchema, LimitConfig> = {
  name: 'envoy.filters.network.connection_limit',
  schema: ConnectionLimitSchema,
  isTerminal: false,
  parse,
  create({ statPrefix, maxConnections, delayMs, isEnabled }, { stats }) {
    const own = stats.scope(`connection_limit.${statPrefix}`);
    const active = own.gauge('active_connections');
    const limited = own.counter('limited_connections');
    let open = 0;
    return (connection, downstream) => {
      if (!isEnabled.value) return true;
      active.value++;
      const isWithin = open < maxConnections;
      if (isWithin) open++;
      observeClose(connection, () => {
        active.value--;
        if (isWithin) open--;
      });
      if (isWithin) return true;
      limited.value++;
      return refuse(connection, downstream, { reason: 'over_connection_limit', delayMs });
    };
  },
};

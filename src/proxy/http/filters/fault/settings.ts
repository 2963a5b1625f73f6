/** What faults happen to whom: `HTTPFault`, checked. Shares are in [0, 1]. */
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../../../core/errors.ts';
import type { HeaderMap } from '../../../../wire/http/message.ts';
import type { FaultDelay, FaultRateLimit } from '../../../../xds/gen/envoy/extensions/filters/common/fault/v3/fault_pb.ts';
import type { FaultAbort, HTTPFault } from '../../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import type { FractionalPercent } from '../../../../xds/gen/envoy/type/v3/percent_pb.ts';
import { positiveDurationMs } from '../../../config/durations.ts';
import { partsOf } from '../../../config/fraction.ts';
import { runtimeCount, runtimeShare } from '../../../config/live-values.ts';
import { compileHeaderMatcher, type HeadTest } from '../../../router/matchers.ts';
import type { HttpStream } from '../../filter.ts';

/** How likely a fault is for a request. */
type Share = (headers: HeaderMap) => number;

/** A fault's amount, from the configuration or a request's header; undefined: none for this request. */
type Amount<Value> = (headers: HeaderMap) => Value | undefined;

export interface Fault<Value> {
  readonly share: Share;
  readonly amount: Amount<Value>;
}

export interface AbortAnswer {
  readonly status: number;
  readonly grpcStatus: number | undefined;
}

/** A header as a number; undefined where it is missing or none. */
function numberIn(headers: HeaderMap, name: string): number | undefined {
  const text = headers.get(name) ?? '';
  return /^\+?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A share that a header, where one is named, can make smaller, unless the runtime has the key. */
function compileShare(percentage: FractionalPercent | undefined, header: string | undefined, key: string): Share {
  const numerator = percentage?.numerator ?? 0;
  const denominator = partsOf(percentage);
  return (headers) => {
    const asked = header === undefined ? undefined : numberIn(headers, header);
    return runtimeShare(key) ?? Math.min(asked ?? numerator, numerator) / denominator;
  };
}

/** Keys of the runtime that the faults go by: as the configuration names them, or Envoy does. */
function keysOf(message: HTTPFault) {
  return {
    delayShare: message.delayPercentRuntime || 'fault.http.delay.fixed_delay_percent',
    delayMs: message.delayDurationRuntime || 'fault.http.delay.fixed_duration_ms',
    abortShare: message.abortPercentRuntime || 'fault.http.abort.abort_percent',
    abortStatus: message.abortHttpStatusRuntime || 'fault.http.abort.http_status',
    abortGrpcStatus: message.abortGrpcStatusRuntime || 'fault.http.abort.grpc_status',
    rateLimitShare: message.responseRateLimitPercentRuntime || 'fault.http.rate_limit.response_percent',
    maxActive: message.maxActiveFaultsRuntime || 'fault.http.max_active_faults',
  };
}

type Keys = ReturnType<typeof keysOf>;

function compileDelay({ faultDelaySecifier: delay, percentage }: FaultDelay, keys: Keys, path: string): Fault<number> {
  switch (delay.case) {
    case 'fixedDelay': {
      const ms = positiveDurationMs(delay.value, 0, `${path}.fixed_delay`);
      return { share: compileShare(percentage, undefined, keys.delayShare), amount: () => runtimeCount(keys.delayMs) ?? ms };
    }
    case 'headerDelay':
      return {
        share: compileShare(percentage, 'x-envoy-fault-delay-request-percentage', keys.delayShare),
        amount: (headers) => numberIn(headers, 'x-envoy-fault-delay-request') || undefined,
      };
    case undefined:
      throw new ConfigError(path, 'says neither fixed_delay nor header_delay');
  }
}

function abortByHeaders(headers: HeaderMap): AbortAnswer | undefined {
  const status = numberIn(headers, 'x-envoy-fault-abort-request');
  if (status !== undefined && status >= 200 && status < 600) return { status, grpcStatus: undefined };
  const grpcStatus = numberIn(headers, 'x-envoy-fault-abort-grpc-request');
  return grpcStatus === undefined ? undefined : { status: 200, grpcStatus };
}

function compileAbort({ errorType: error, percentage }: FaultAbort, keys: Keys, path: string): Fault<AbortAnswer> {
  switch (error.case) {
    case 'httpStatus': {
      if (error.value < 200 || error.value > 599) throw new ConfigError(`${path}.http_status`, `${error.value} is not in [200, 599]`);
      const { value } = error;
      return {
        share: compileShare(percentage, undefined, keys.abortShare),
        amount: () => ({ status: runtimeCount(keys.abortStatus) ?? value, grpcStatus: undefined }),
      };
    }
    case 'grpcStatus': {
      const { value } = error;
      return {
        share: compileShare(percentage, undefined, keys.abortShare),
        amount: () => ({ status: 200, grpcStatus: runtimeCount(keys.abortGrpcStatus) ?? value }),
      };
    }
    case 'headerAbort':
      return { share: compileShare(percentage, 'x-envoy-fault-abort-request-percentage', keys.abortShare), amount: abortByHeaders };
    case undefined:
      throw new ConfigError(path, 'says neither http_status, grpc_status nor header_abort');
  }
}

/** Amounts are KiB a second. */
function compileRateLimit({ limitType: limit, percentage }: FaultRateLimit, keys: Keys, path: string): Fault<number> {
  switch (limit.case) {
    case 'fixedLimit': {
      const limitKibps = Number(limit.value.limitKbps);
      if (limitKibps < 1) throw new ConfigError(`${path}.fixed_limit.limit_kbps`, 'is not above zero');
      return { share: compileShare(percentage, undefined, keys.rateLimitShare), amount: () => limitKibps };
    }
    case 'headerLimit':
      return {
        share: compileShare(percentage, 'x-envoy-fault-throughput-response-percentage', keys.rateLimitShare),
        amount: (headers) => numberIn(headers, 'x-envoy-fault-throughput-response') || undefined,
      };
    case undefined:
      throw new ConfigError(path, 'says neither fixed_limit nor header_limit');
  }
}

/** The faults of a filter, or of a route. */
export class FaultConfig {
  readonly delay: Fault<number> | undefined;
  readonly abort: Fault<AbortAnswer> | undefined;
  readonly abortBody: string;
  readonly rateLimit: Fault<number> | undefined;
  readonly cluster: string;
  readonly nodes: ReadonlySet<string>;
  readonly tests: readonly HeadTest[];
  /** Clients are counted by their cluster (`x-envoy-downstream-service-cluster`) too. */
  readonly countsClusters: boolean;
  /** Left in the metadata of a stream that a fault has befallen. */
  readonly metadata: JsonObject;
  readonly #maxActive: number;
  readonly #maxActiveKey: string;

  constructor(message: HTTPFault, path: string) {
    const keys = keysOf(message);
    this.delay = message.delay && compileDelay(message.delay, keys, `${path}.delay`);
    this.abort = message.abort && compileAbort(message.abort, keys, `${path}.abort`);
    this.abortBody = message.abort?.responseBody || 'fault filter abort';
    this.rateLimit = message.responseRateLimit && compileRateLimit(message.responseRateLimit, keys, `${path}.response_rate_limit`);
    this.cluster = message.upstreamCluster;
    this.nodes = new Set(message.downstreamNodes);
    this.tests = message.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}.headers[${i}]`));
    this.#maxActive = message.maxActiveFaults ?? Infinity;
    this.#maxActiveKey = keys.maxActive;
    this.countsClusters = !message.disableDownstreamClusterStats;
    this.metadata = message.filterMetadata ?? {};
  }

  get maxActive(): number {
    return runtimeCount(this.#maxActiveKey) ?? this.#maxActive;
  }

  /** Whether the request is one of those that the faults are for. */
  concerns({ info, request }: HttpStream): boolean {
    if (this.cluster !== '' && this.cluster !== info.clusterName) return false;
    if (this.nodes.size > 0 && !this.nodes.has(request.headers.get('x-envoy-downstream-service-node') ?? '')) return false;
    for (const test of this.tests) if (!test(request)) return false;
    return true;
  }
}

/** What befalls a request now, by chance; undefined for nothing. */
export function draw<Value>(fault: Fault<Value> | undefined, headers: HeaderMap, random: () => number): Value | undefined {
  if (fault === undefined || random() >= fault.share(headers)) return undefined;
  return fault.amount(headers);
}

/** Fault injection: delays and aborts a share of requests. Envoy: envoy.filters.http.fault. */
import { isMessage } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import { type HTTPFault, HTTPFaultSchema } from '../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { FractionalPercent_DenominatorType as Denominator, type FractionalPercent } from '../../../xds/gen/envoy/type/v3/percent_pb.ts';
import { positiveDurationMs } from '../../config/durations.ts';
import { compileHeaderMatcher, type HeadTest } from '../../router/matchers.ts';
import type { Counter, Gauge } from '../../telemetry/stats.ts';
import { CONTINUE, type FilterStatus, type HttpFilter, type HttpStream, REPLIED, STOP } from '../filter.ts';
import { flagBit } from '../stream-info.ts';

const NAME = 'envoy.filters.http.fault';

/** What happens to whom. Shares are in [0, 1]; a delay or status of 0 is none. */
class FaultConfig {
  readonly delayMs: number;
  readonly delayShare: number;
  readonly abortStatus: number;
  readonly abortShare: number;
  readonly cluster: string;
  readonly nodes: ReadonlySet<string>;
  readonly tests: readonly HeadTest[];
  readonly maxActive: number;

  constructor(message: HTTPFault, path: string) {
    const { delay, abort } = message;
    this.delayMs = delay === undefined ? 0 : readDelay(delay.faultDelaySecifier, `${path}.delay`);
    this.delayShare = shareOf(delay?.percentage);
    this.abortStatus = abort === undefined ? 0 : readStatus(abort.errorType, `${path}.abort`);
    this.abortShare = shareOf(abort?.percentage);
    this.cluster = message.upstreamCluster;
    this.nodes = new Set(message.downstreamNodes);
    this.tests = message.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}.headers[${i}]`));
    this.maxActive = message.maxActiveFaults ?? Infinity;
  }
}

const DENOMINATORS: Readonly<Record<number, number>> = {
  [Denominator.HUNDRED]: 100,
  [Denominator.TEN_THOUSAND]: 10_000,
  [Denominator.MILLION]: 1_000_000,
};

function shareOf(percentage: FractionalPercent | undefined): number {
  return percentage === undefined ? 0 : percentage.numerator / (DENOMINATORS[percentage.denominator] ?? 100);
}

function readDelay(delay: NonNullable<HTTPFault['delay']>['faultDelaySecifier'], path: string): number {
  if (delay.case === 'fixedDelay') return positiveDurationMs(delay.value, 0, `${path}.fixed_delay`);
  throw new ConfigError(path, delay.case === 'headerDelay' ? 'header_delay is not supported by Tulle' : 'has no fixed_delay');
}

function readStatus(abort: NonNullable<HTTPFault['abort']>['errorType'], path: string): number {
  if (abort.case !== 'httpStatus') throw new ConfigError(path, `only http_status is supported by Tulle, not ${abort.case ?? 'nothing'}`);
  if (abort.value < 200 || abort.value > 599) throw new ConfigError(`${path}.http_status`, `${abort.value} is not in [200, 599]`);
  return abort.value;
}

interface FaultStats {
  readonly delays: Counter;
  readonly aborts: Counter;
  readonly overflow: Counter;
  readonly active: Gauge;
}

function concerns(config: FaultConfig, stream: HttpStream): boolean {
  if (config.cluster !== '' && config.cluster !== stream.info.clusterName) return false;
  if (config.nodes.size > 0 && !config.nodes.has(stream.request.headers.get('x-envoy-downstream-service-node') ?? '')) return false;
  return config.tests.every((test) => test(stream.request));
}

function abort(config: FaultConfig, stream: HttpStream, stats: FaultStats): void {
  stats.aborts.value++;
  stream.reply({ status: config.abortStatus, body: 'fault filter abort', details: 'fault_filter_abort', flag: 'FI' });
}

/** Counts a delayed stream as active until it goes on, or ends. */
const DELAYED = `${NAME}.delayed`;

function parseRoute(message: unknown, path: string): FaultConfig {
  if (!isMessage(message, HTTPFaultSchema)) throw new ConfigError(path, `is not a ${HTTPFaultSchema.typeName}`);
  return new FaultConfig(message, path);
}

export const fault: HttpFilter<typeof HTTPFaultSchema, FaultConfig> = {
  name: NAME,
  schema: HTTPFaultSchema,
  parse: (message, path) => new FaultConfig(message, path),
  routeSchema: HTTPFaultSchema,
  parseRoute,
  create(own, { stats: scope, random }) {
    const stats: FaultStats = {
      delays: scope.counter('fault.delays_injected'),
      aborts: scope.counter('fault.aborts_injected'),
      overflow: scope.counter('fault.faults_overflow'),
      active: scope.gauge('fault.active_faults'),
    };
    const delayed = (config: FaultConfig, isAborted: boolean, stream: HttpStream): FilterStatus => {
      stats.delays.value++;
      stats.active.value++;
      stream.info.flags |= flagBit('DI');
      stream.info.metadata.set(DELAYED, true);
      stream.after(config.delayMs, () => {
        stats.active.value--;
        stream.info.metadata.delete(DELAYED);
        if (isAborted) abort(config, stream, stats);
        else stream.resumeRequest();
      });
      return STOP;
    };
    return {
      onRequestHeaders(stream) {
        const ofRoute = stream.perRoute(NAME);
        const config = ofRoute instanceof FaultConfig ? ofRoute : own;
        if ((config.delayShare === 0 && config.abortShare === 0) || !concerns(config, stream)) return CONTINUE;
        const isDelayed = config.delayMs > 0 && random() < config.delayShare;
        const isAborted = config.abortStatus > 0 && random() < config.abortShare;
        if (!isDelayed && !isAborted) return CONTINUE;
        if (stats.active.value >= config.maxActive) {
          stats.overflow.value++;
          return CONTINUE;
        }
        if (isDelayed) return delayed(config, isAborted, stream);
        abort(config, stream, stats);
        return REPLIED;
      },
      onComplete(stream) {
        if (stream.info.metadata.has(DELAYED)) stats.active.value--;
      },
    };
  },
};

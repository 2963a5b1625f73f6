/** Fault injection: delays, aborts and slows down a share of requests. Envoy: envoy.filters.http.fault. */
import { messageAs } from '../../config/typed-config.ts';
import { HTTPFaultSchema } from '../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import type { Counter, Gauge, StatsScope } from '../../telemetry/stats.ts';
import {
  CONTINUE,
  type FilterScope,
  type FilterStatus,
  type HttpFilter,
  type HttpFilterHandlers,
  type HttpStream,
  REPLIED,
  STOP,
  TAKEN,
  TAKEN_STOP,
} from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import { flagBit } from '../stream-info.ts';
import { type AbortAnswer, draw, FaultConfig } from './fault/settings.ts';
import { ResponseLimiter } from './fault/response-limiter.ts';

const NAME = 'envoy.filters.http.fault';
/** There while a stream counts as active, however many faults befall it. */
const ACTIVE = `${NAME}.active`;
const LIMITER = `${NAME}.limiter`;
const KIB = 1024;

interface FaultStats {
  readonly delays: Counter;
  readonly aborts: Counter;
  readonly limited: Counter;
  readonly overflow: Counter;
  readonly active: Gauge;
}

function faultStats(stats: StatsScope): FaultStats {
  return {
    delays: stats.counter('fault.delays_injected'),
    aborts: stats.counter('fault.aborts_injected'),
    limited: stats.counter('fault.response_rl_injected'),
    overflow: stats.counter('fault.faults_overflow'),
    active: stats.gauge('fault.active_faults'),
  };
}

function parseRoute(given: unknown, path: string): FaultConfig {
  const message = messageAs(HTTPFaultSchema, given, path);
  return new FaultConfig(message, path);
}

/** Injects faults for one filter chain. */
class Injector {
  readonly #stats: FaultStats;
  readonly #scope: FilterScope;

  constructor(scope: FilterScope) {
    this.#scope = scope;
    this.#stats = faultStats(scope.stats);
  }

  /** What the request's head calls for. */
  begin(config: FaultConfig, stream: HttpStream, handlers: HttpFilterHandlers): FilterStatus {
    const { headers } = stream.request;
    const { random, clock } = this.#scope;
    const kibps = draw(config.rateLimit, headers, random);
    if (kibps !== undefined && this.#activate(config, stream)) {
      this.#stats.limited.value++;
      stream.info.metadata.set(LIMITER, new ResponseLimiter(stream, handlers, kibps * KIB, () => clock.monotonicMs()));
    }
    const delayMs = draw(config.delay, headers, random);
    if (delayMs !== undefined && this.#activate(config, stream)) {
      this.#delay(config, stream, delayMs);
      return STOP;
    }
    const answer = draw(config.abort, headers, random);
    if (answer === undefined || !this.#activate(config, stream)) return CONTINUE;
    this.#abort(config, stream, answer);
    return REPLIED;
  }

  /** Whether no stream has a fault, so that none need be asked for it. */
  get isIdle(): boolean {
    return this.#stats.active.value === 0;
  }

  finish({ info }: HttpStream): void {
    if (!this.isIdle && info.metadata.delete(ACTIVE)) this.#stats.active.value--;
  }

  /** Counts the stream as active; false where there are too many. */
  #activate({ maxActive }: FaultConfig, { info }: HttpStream): boolean {
    if (info.metadata.has(ACTIVE)) return true;
    if (this.#stats.active.value >= maxActive) {
      this.#stats.overflow.value++;
      return false;
    }
    this.#stats.active.value++;
    info.metadata.set(ACTIVE, true);
    return true;
  }

  #delay(config: FaultConfig, stream: HttpStream, delayMs: number): void {
    this.#stats.delays.value++;
    this.#countCluster(config, stream, 'delays_injected');
    stream.info.flags |= flagBit('DI');
    stream.info.metadata.set(NAME, config.metadata);
    stream.after(delayMs, () => {
      const answer = draw(config.abort, stream.request.headers, this.#scope.random);
      if (answer !== undefined) return this.#abort(config, stream, answer);
      if (config.rateLimit === undefined) this.finish(stream);
      stream.resumeRequest();
    });
  }

  #abort(config: FaultConfig, stream: HttpStream, { status, grpcStatus }: AbortAnswer): void {
    this.#stats.aborts.value++;
    this.#countCluster(config, stream, 'aborts_injected');
    stream.info.metadata.set(NAME, config.metadata);
    const reply = { status, body: config.abortBody, details: 'fault_filter_abort', flag: 'FI' } as const;
    stream.reply(grpcStatus === undefined ? reply : { ...reply, grpcStatus });
  }

  #countCluster({ countsClusters }: FaultConfig, { request }: HttpStream, what: string): void {
    const cluster = countsClusters ? (request.headers.get('x-envoy-downstream-service-cluster') ?? '') : '';
    if (cluster !== '') this.#scope.stats.counter(`fault.${cluster}.${what}`).value++;
  }
}

function limiterOf({ info }: HttpStream): ResponseLimiter | undefined {
  const limiter = info.metadata.get(LIMITER);
  return limiter instanceof ResponseLimiter ? limiter : undefined;
}

function create(own: FaultConfig, scope: FilterScope): HttpFilterHandlers {
  const injector = new Injector(scope);
  const handlers: HttpFilterHandlers = {
    onRequestHeaders(stream) {
      const config = routeConfig(stream, scope.name, FaultConfig) ?? own;
      return config.concerns(stream) ? injector.begin(config, stream, handlers) : CONTINUE;
    },
    onResponseData(stream, data) {
      const limiter = injector.isIdle ? undefined : limiterOf(stream);
      if (limiter === undefined) return CONTINUE;
      return limiter.push(data) ? TAKEN : TAKEN_STOP;
    },
    onResponseEnd: (stream) => (limiterOf(stream)?.end() === false ? STOP : CONTINUE),
    onComplete: (stream) => injector.finish(stream),
  };
  return handlers;
}

export const fault: HttpFilter<typeof HTTPFaultSchema, FaultConfig> = {
  name: NAME,
  schema: HTTPFaultSchema,
  parse: (message, path) => new FaultConfig(message, path),
  routeSchema: HTTPFaultSchema,
  parseRoute,
  create,
};

/** Asks another service whether a request may pass. Envoy: envoy.filters.http.ext_authz. */
import { type Live, liveFlag, liveShare } from '../../config/live-values.ts';
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import {
  type CheckSettings,
  type ExtAuthz,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { compileMetadataMatcher } from '../../authz/metadata-matcher.ts';
import { countAnswer } from '../../cluster/answer-stats.ts';
import { clusterHttpStats } from '../../cluster/http-stats.ts';
import type { Counter } from '../../telemetry/stats.ts';
import {
  COLLECT,
  CONTINUE,
  type FilterScope,
  type FilterStatus,
  type HttpFilter,
  type HttpFilterHandlers,
  type HttpStream,
  REPLIED,
  STOP,
} from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import { type BodyOptions, type CheckBody, readBodyOptions } from './ext-authz/check-body.ts';
import { askGrpc, type GrpcCheck, readGrpcCheck } from './ext-authz/grpc-check.ts';
import { askHttp, type HttpCheck, readHttpCheck } from './ext-authz/http-check.ts';
import { applyChange, changeQuery, type FieldChange, isVerdictValid, removeFields, type Verdict } from './ext-authz/verdict.ts';
import { requestTarget, responseTarget } from './mutation/head-target.ts';

const NAME = 'envoy.filters.http.ext_authz';
const FORBIDDEN = 403;

type Check = { readonly kind: 'http'; readonly check: HttpCheck } | { readonly kind: 'grpc'; readonly check: GrpcCheck };

interface ExtAuthzConfig {
  readonly message: ExtAuthz;
  readonly check: Check;
  readonly body: BodyOptions | undefined;
  readonly statusOnError: number;
  /** Share of requests that are checked. */
  readonly share: Live<number>;
  /** Whether a request is checked by what filters left of it; undefined: it is. */
  readonly isEnabledBy: ((stream: HttpStream) => boolean) | undefined;
  readonly deniesDisabled: Live<boolean>;
}

class AuthzRoute {
  readonly isDisabled: boolean;
  readonly extensions: Readonly<Record<string, string>>;
  /** Undefined: as the filter says; null: no body is sent. */
  readonly body: BodyOptions | null | undefined;

  constructor(isDisabled: boolean, extensions: Readonly<Record<string, string>>, body: BodyOptions | null | undefined) {
    this.isDisabled = isDisabled;
    this.extensions = extensions;
    this.body = body;
  }

  /** With the extensions of the level above; everything else is this level's alone. */
  under({ extensions }: AuthzRoute): AuthzRoute {
    return new AuthzRoute(this.isDisabled, { ...extensions, ...this.extensions }, this.body);
  }
}

function readCheck(message: ExtAuthz, path: string): Check {
  const { services } = message;
  if (services.case === 'httpService') return { kind: 'http', check: readHttpCheck(services.value, message, path) };
  if (services.case === 'grpcService') return { kind: 'grpc', check: readGrpcCheck(services.value, message, path) };
  throw new ConfigError(path, 'has neither grpc_service nor http_service');
}

function parse(message: ExtAuthz, path: string): ExtAuthzConfig {
  const { withRequestBody, statusOnError, filterEnabledMetadata: enabled } = message;
  const matches = enabled && compileMetadataMatcher(enabled, `${path}.filter_enabled_metadata`);
  return {
    message,
    check: readCheck(message, path),
    body: withRequestBody && readBodyOptions(withRequestBody, `${path}.with_request_body`),
    statusOnError: statusOnError?.code || FORBIDDEN,
    share: liveShare(message.filterEnabled, 1),
    isEnabledBy: matches && ((stream) => matches(stream.info.metadata.get(enabled.filter))),
    deniesDisabled: liveFlag(message.denyAtDisable, false),
  };
}

function routeBody({ disableRequestBodyBuffering, withRequestBody }: CheckSettings, path: string): BodyOptions | null | undefined {
  if (!disableRequestBodyBuffering) return withRequestBody && readBodyOptions(withRequestBody, `${path}.with_request_body`);
  if (withRequestBody !== undefined) throw new ConfigError(path, 'has with_request_body and disables it');
  return null;
}

function parseRoute(given: unknown, path: string): AuthzRoute {
  const message = messageAs(ExtAuthzPerRouteSchema, given, path);
  const { override } = message;
  if (override.case === 'disabled') return new AuthzRoute(true, {}, undefined);
  if (override.case !== 'checkSettings') throw new ConfigError(path, 'says neither disabled nor check_settings');
  return new AuthzRoute(false, override.value.contextExtensions, routeBody(override.value, `${path}.check_settings`));
}

type CountName = 'ok' | 'denied' | 'error' | 'disabled' | 'failure_mode_allowed' | 'invalid' | 'ignored_dynamic_metadata';

/** Counts for the filter, and for the cluster that the request is for. */
function createCounts(message: ExtAuthz, scope: FilterScope) {
  const prefix = message.statPrefix === '' ? 'ext_authz' : `ext_authz.${message.statPrefix}`;
  const counters = new Map<CountName, Counter>();
  const names: CountName[] = ['ok', 'denied', 'error', 'disabled', 'failure_mode_allowed', 'invalid', 'ignored_dynamic_metadata'];
  for (const name of names) counters.set(name, scope.stats.counter(`${prefix}.${name}`));
  return (name: CountName, stream?: HttpStream): void => {
    const counter = counters.get(name);
    if (counter !== undefined) counter.value++;
    const cluster = stream === undefined ? undefined : scope.clusters.get(stream.info.clusterName);
    if (cluster !== undefined) cluster.stats.counter(`${prefix}.${name}`).value++;
  };
}

/** A request that waits for its verdict. */
interface Pending {
  readonly cancel: () => void;
  readonly askedMs: number;
}

/** The filter while it runs. */
class Authorizer implements HttpFilterHandlers {
  readonly #config: ExtAuthzConfig;
  readonly #scope: FilterScope;
  readonly #count: ReturnType<typeof createCounts>;
  readonly #pending = new WeakMap<HttpStream, Pending>();
  readonly #responseChanges = new WeakMap<HttpStream, readonly FieldChange[]>();

  constructor(config: ExtAuthzConfig, scope: FilterScope) {
    this.#config = config;
    this.#scope = scope;
    this.#count = createCounts(config.message, scope);
  }

  onRequestHeaders(stream: HttpStream, endStream: boolean): FilterStatus {
    if (stream.route === undefined || this.#routeOf(stream)?.isDisabled === true) return CONTINUE;
    if (!this.#isChecked(stream)) {
      this.#count('disabled');
      if (!this.#config.deniesDisabled.value) return CONTINUE;
      this.#refuse(stream);
      return REPLIED;
    }
    const options = this.#bodyOptions(stream);
    const isUpgrade = 'upgrade' in stream.request && stream.request.upgrade !== '';
    if (options === undefined || endStream || isUpgrade) {
      this.#ask(stream, undefined, options);
      return STOP;
    }
    stream.collect({ maxBytes: options.maxBytes, isPartialEnough: options.isPartialEnough });
    return COLLECT;
  }

  onRequestBody(stream: HttpStream, body: Uint8Array, isWhole: boolean): FilterStatus {
    this.#ask(stream, { bytes: Buffer.from(body), isWhole }, this.#bodyOptions(stream));
    return STOP;
  }

  onResponseHeaders(stream: HttpStream): FilterStatus {
    const changes = this.#responseChanges.get(stream);
    if (changes === undefined || stream.response === undefined) return CONTINUE;
    const target = responseTarget(stream.response);
    for (const change of changes) applyChange(target, change);
    return CONTINUE;
  }

  onComplete(stream: HttpStream): void {
    this.#pending.get(stream)?.cancel();
  }

  #routeOf(stream: HttpStream): AuthzRoute | undefined {
    return routeConfig(stream, this.#scope.name, AuthzRoute);
  }

  #isChecked(stream: HttpStream): boolean {
    const { share, isEnabledBy } = this.#config;
    return (share.value >= 1 || this.#scope.random() < share.value) && (isEnabledBy?.(stream) ?? true);
  }

  #bodyOptions(stream: HttpStream): BodyOptions | undefined {
    const ofRoute = this.#routeOf(stream)?.body;
    return ofRoute === undefined ? this.#config.body : (ofRoute ?? undefined);
  }

  #ask(stream: HttpStream, body: CheckBody | undefined, options: BodyOptions | undefined): void {
    const { check } = this.#config;
    const askedMs = this.#scope.clock.monotonicMs();
    const done = (verdict: Verdict): void => this.#onVerdict(stream, verdict);
    const cancel =
      check.kind === 'http'
        ? askHttp(check.check, stream, body, this.#scope, done)
        : askGrpc(check.check, stream, body, options, this.#routeOf(stream)?.extensions ?? {}, this.#scope, done);
    this.#pending.set(stream, { cancel, askedMs });
  }

  #onVerdict(stream: HttpStream, verdict: Verdict): void {
    const askedMs = this.#pending.get(stream)?.askedMs ?? 0;
    this.#pending.delete(stream);
    if (this.#config.message.validateMutations && !isVerdictValid(verdict)) {
      this.#count('invalid');
      return stream.reply({ status: 500, details: 'ext_authz_invalid', flag: 'UAEX' });
    }
    if (verdict.kind === 'error') return this.#fail(stream);
    this.#leaveMetadata(stream, verdict.metadata, verdict.kind === 'ok' ? this.#scope.clock.monotonicMs() - askedMs : undefined);
    if (verdict.kind === 'ok') this.#allow(stream, verdict);
    else this.#deny(stream, verdict);
  }

  #leaveMetadata(stream: HttpStream, metadata: Readonly<Record<string, unknown>>, durationMs: number | undefined): void {
    if (Object.keys(metadata).length === 0) return;
    if (this.#config.message.enableDynamicMetadataIngestion === false) return this.#count('ignored_dynamic_metadata');
    const before = stream.info.metadata.get(NAME);
    const duration = durationMs === undefined ? {} : { ext_authz_duration: Math.floor(durationMs) };
    stream.info.metadata.set(NAME, { ...(typeof before === 'object' ? before : undefined), ...metadata, ...duration });
  }

  #allow(stream: HttpStream, verdict: Extract<Verdict, { kind: 'ok' }>): void {
    const target = requestTarget(stream.request);
    for (const change of verdict.request) applyChange(target, change);
    removeFields(stream.request.headers, verdict.removed);
    const changesQuery = verdict.querySet.length + verdict.queryRemoved.length > 0;
    if (changesQuery) changeQuery(stream.request, verdict.querySet, verdict.queryRemoved);
    if (verdict.response.length > 0) this.#responseChanges.set(stream, verdict.response);
    const isChanged = changesQuery || verdict.request.length + verdict.removed.length > 0;
    if (this.#config.message.clearRouteCache && isChanged) stream.refreshRoute();
    this.#count('ok', stream);
    stream.resumeRequest();
  }

  #deny(stream: HttpStream, { status, body, fields }: Extract<Verdict, { kind: 'denied' }>): void {
    this.#count('denied', stream);
    const cluster = this.#scope.clusters.get(stream.info.clusterName);
    if (cluster !== undefined && this.#config.message.chargeClusterResponseStats !== false) {
      countAnswer(clusterHttpStats(cluster.stats).answersFromWithin, status);
    }
    stream.reply({ status, body, headers: fields, details: 'ext_authz_denied', flag: 'UAEX' });
  }

  #fail(stream: HttpStream): void {
    const { failureModeAllow, failureModeAllowHeaderAdd } = this.#config.message;
    this.#count('error', stream);
    if (!failureModeAllow) return this.#refuse(stream);
    this.#count('failure_mode_allowed', stream);
    if (failureModeAllowHeaderAdd) stream.request.headers.add('x-envoy-auth-failure-mode-allowed', 'true');
    stream.resumeRequest();
  }

  #refuse(stream: HttpStream): void {
    stream.reply({ status: this.#config.statusOnError, details: 'ext_authz_error', flag: 'UAEX' });
  }
}

export const extAuthz: HttpFilter<typeof ExtAuthzSchema, ExtAuthzConfig> = {
  name: NAME,
  schema: ExtAuthzSchema,
  parse,
  routeSchema: ExtAuthzPerRouteSchema,
  parseRoute,
  mergeRoute: (above, own) => (above instanceof AuthzRoute && own instanceof AuthzRoute ? own.under(above) : own),
  create: (config, scope) => new Authorizer(config, scope),
};

/** HTTP filters in their order: those that decide by the request alone are run, the others are named. */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { setTimeout as delay } from 'node:timers/promises';
import { CUSTOM_PREFIX } from '../../compile/emit/ext-authz.ts';
import { JWT_AUTHN } from '../../compile/emit/request-authentication.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { decodeTyped } from '../../proxy/config/typed-config.ts';
import { CONTINUE, type FilterScope, REPLIED } from '../../proxy/http/filter.ts';
import type { HcmConfig } from '../../proxy/http/hcm-config.ts';
import { FaultConfig } from '../../proxy/http/filters/fault/settings.ts';
import { FILTER_DISABLED } from '../../proxy/router/per-filter-config.ts';
import { createStats } from '../../proxy/telemetry/registry.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { ExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { JwtAuthenticationSchema } from '../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { RBACPerRouteSchema, RBACSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import type { HttpConnectionManager } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Route } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { askedService, notedPolicy, policyNoted, tellAsked } from './asked-service.ts';
import { percent } from './chance.ts';
import { type Explanation, Trail, verdict } from './explanation.ts';
import type { HeldStream } from './held-stream.ts';
import type { Stop } from './journey.ts';
import { denialText, explainRules, policySource } from './policies.ts';
import { sourceOf } from './source-of.ts';
import { type Carried, takeAsGood, tokenOf, tokenText } from './tokens.ts';
import { nameOf } from './world.ts';

/** What explain does with a filter that is on a request's way. */
type Handling =
  /** Run: it decides by the request and its configuration. */
  | 'run'
  /** Leaves requests as they are, as far as answers go. */
  | 'silent'
  /** Decides by what only a running proxy has: load, or the word of another service. */
  | 'asks';

const HANDLING: Readonly<Record<string, Handling>> = {
  'envoy.filters.http.cors': 'run',
  'envoy.filters.http.csrf': 'run',
  'envoy.filters.http.header_mutation': 'run',
  'envoy.filters.http.set_filter_state': 'run',
  'envoy.filters.http.local_ratelimit': 'asks',
  'envoy.filters.http.health_check': 'asks',
  'envoy.filters.http.stateful_session': 'asks',
};

const RBAC = 'envoy.filters.http.rbac';

/** How long a filter that waits (for a verification) is waited for. */
const PATIENCE_MS = 2000;
const POLL_MS = 5;

export interface FilterSite {
  readonly stop: Stop;
  readonly listener: Listener;
  readonly hcm: HttpConnectionManager;
  readonly config: HcmConfig;
  readonly stream: HeldStream;
  /** Undefined where no route matches. */
  readonly route: Route | undefined;
  readonly goOn: (trail: Trail) => Promise<Explanation>;
  /** Chooses the route anew, and goes on with the filters from `next` on. */
  readonly reroute: (trail: Trail, next: number) => Promise<Explanation>;
}

function scopeOf({ stop, listener, config }: FilterSite, name: string): FilterScope {
  const stats = createStats();
  return {
    name,
    chain: config,
    stats,
    rootStats: stats,
    random: Math.random,
    clock: systemClock,
    log: silentLog,
    node: { id: stop.config.node.id, cluster: '', metadata: {} },
    direction: 'unspecified',
    listenerMetadata: listener.metadata?.filterMetadata ?? {},
    clusters: { get: () => undefined, request: (_name, _timeoutMs, callback) => callback(undefined), forEach() {} },
    isDraining: () => false,
    isFailingHealthChecks: () => false,
  };
}

/** The chain's own configuration of a filter. */
function configOf<Schema extends DescMessage>(
  { hcm, config }: FilterSite,
  index: number,
  schema: Schema,
): MessageShape<Schema> | undefined {
  const name = config.filters[index]?.name ?? '';
  // several filters may have one name, and some of the configured ones may have been left out
  const before = config.filters.slice(0, index).filter((each) => each.name === name).length;
  const proto = hcm.httpFilters.filter((each) => each.name === name)[before];
  return proto?.configType.case === 'typedConfig' ? decodeTyped(proto.configType.value, schema, name) : undefined;
}

/** The rules in force for the request: its route's, else the chain's own. */
function rbacOf(site: FilterSite, index: number) {
  const name = site.config.filters[index]?.name ?? '';
  const own = site.route?.typedPerFilterConfig[name];
  return own === undefined ? configOf(site, index, RBACSchema) : decodeTyped(own, RBACPerRouteSchema, name).rbac;
}

function authorize(site: FilterSite, index: number, trail: Trail): Explanation | undefined {
  const { stream, listener, stop } = site;
  const config = rbacOf(site, index);
  const isAsked = config?.shadowRulesStatPrefix === CUSTOM_PREFIX;
  const noted = explainRules(config?.shadowRules, isAsked ? 'asked' : 'tried', stream, listener, trail);
  if (isAsked) stream.info.metadata.set(RBAC, notedPolicy(noted?.policy));
  const decision = explainRules(config?.rules, 'enforced', stream, listener, trail);
  if (decision === undefined || decision.isAllowed) return undefined;
  const source = decision.policy === undefined ? undefined : policySource(listener, decision.policy);
  const by = nameOf(stop.member);
  const text = `403 by the proxy of ${by}: ${denialText(decision)}`;
  return trail.end(verdict({ outcome: 'answered', status: 403, text, by, policy: decision.policy ?? 'none', ...(source && { source }) }));
}

/** Says who is asked about the request, if anybody; ends the way where nobody can be and it may not pass. */
function askAbout(site: FilterSite, index: number, trail: Trail): Explanation | undefined {
  const { stream, stop, listener } = site;
  const message = configOf(site, index, ExtAuthzSchema);
  const asked = message && askedService(message, stream.info.metadata);
  if (asked === undefined || tellAsked(asked, 'request', stop.config, trail)) return undefined;
  const by = nameOf(stop.member);
  const policy = policyNoted(stream.info.metadata.get(RBAC));
  const source = policy === undefined ? undefined : policySource(listener, policy);
  const text = `${asked.statusOnError} UAEX by the proxy of ${by}: ${asked.who} is to be asked, and cannot be`;
  return trail.end(
    verdict({ outcome: 'answered', status: asked.statusOnError, flag: 'UAEX', text, by, policy: policy ?? '', ...(source && { source }) }),
  );
}

/** Checks the request's token; a bad one ends the way. */
async function checkToken(site: FilterSite, index: number, trail: Trail): Promise<Explanation | undefined> {
  const { stream, listener, stop } = site;
  const message = configOf(site, index, JwtAuthenticationSchema);
  const filter = site.config.filters[index];
  if (message === undefined || filter === undefined) return undefined;
  const carried = tokenOf(message, stream, listener, stop.journey.world);
  if (carried?.isUnverifiable === true) {
    takeAsGood(carried, stream);
    stream.isRouteStale = carried.provider?.clearRouteCache === true;
    trail.add('token', `${tokenText(carried)}: its keys are not here; taken to be good`, { source: carried.source });
    return undefined;
  }
  const end = await run(site, filter, trail, carried);
  if (end === undefined)
    trail.add('token', carried === undefined ? 'no token: nothing to check' : `${tokenText(carried)} is good`, { source: carried?.source });
  return end;
}

/** Runs a filter; its answer ends the way. */
async function run(
  site: FilterSite,
  filter: HcmConfig['filters'][number],
  trail: Trail,
  carried?: Carried,
): Promise<Explanation | undefined> {
  const { stream, stop } = site;
  const status = filter.filter.create(filter.config, scopeOf(site, filter.name)).onRequestHeaders?.(stream, true) ?? CONTINUE;
  for (
    let waitedMs = 0;
    status !== CONTINUE && status !== REPLIED && stream.answer === undefined && waitedMs < PATIENCE_MS;
    waitedMs += POLL_MS
  ) {
    if (stream.isResumed) break;
    await delay(POLL_MS);
  }
  const { answer } = stream;
  if (answer === undefined) return undefined;
  const by = nameOf(stop.member);
  if (carried === undefined) trail.add('filter', `${filter.name} answers ${answer.status} (${answer.details})`);
  else trail.add('token', `${tokenText(carried)} is refused: ${answer.body ?? ''} (${answer.details})`, { source: carried.source });
  return trail.end(
    verdict({
      outcome: 'answered',
      status: answer.status,
      flag: answer.flag ?? '',
      text: `${answer.status} by the proxy of ${by}: ${carried === undefined ? answer.details : (answer.body ?? answer.details)}`,
      by,
      ...(carried?.source && { source: carried.source }),
    }),
  );
}

/** A fault of the route's, or of the chain's. */
function faultOf({ stream }: FilterSite, { name, config }: HcmConfig['filters'][number]): FaultConfig | undefined {
  const ofRoute = stream.perRoute(name);
  const fault = ofRoute instanceof FaultConfig ? ofRoute : config;
  return fault instanceof FaultConfig && fault.concerns(stream) ? fault : undefined;
}

function tellDelay(site: FilterSite, fault: FaultConfig, trail: Trail): void {
  const { headers } = site.stream.request;
  const [share, ms] = [fault.delay?.share(headers) ?? 0, fault.delay?.amount(headers)];
  if (share > 0 && ms !== undefined)
    trail.add('fault', `${percent(share)} wait for ${ms} ms first`, { source: sourceOf(site.route?.metadata) });
}

/** Forks where a share of the requests is aborted; undefined where none is. */
async function abort(
  site: FilterSite,
  fault: FaultConfig,
  trail: Trail,
  goOn: (trail: Trail) => Promise<Explanation>,
): Promise<Explanation | undefined> {
  const { headers } = site.stream.request;
  const [share, answer] = [fault.abort?.share(headers) ?? 0, fault.abort?.amount(headers)];
  if (share === 0 || answer === undefined) return undefined;
  const by = nameOf(site.stop.member);
  const source = sourceOf(site.route?.metadata);
  trail.add('fault', `${percent(share)} are answered ${answer.status} on purpose`, { source });
  const text = `${answer.status} by the proxy of ${by}: a fault that its route injects`;
  const end = verdict({ outcome: 'answered', status: answer.status, flag: 'FI', text, by, ...(source && { source }) });
  const aborted = { share, when: 'the fault is injected', explanation: new Trail(trail.side).end(end) };
  if (share >= 1) return trail.fork([aborted]);
  return trail.fork([aborted, { share: 1 - share, when: 'no fault is injected', explanation: await goOn(new Trail(trail.side)) }]);
}

/** Asks the filters from `index` on, and goes on behind the last. */
export async function passFilters(site: FilterSite, trail: Trail, index = 0): Promise<Explanation> {
  const filter = site.config.filters[index];
  if (filter === undefined) return site.goOn(trail);
  const goOn = (onto: Trail): Promise<Explanation> => {
    if (!site.stream.isRouteStale) return passFilters(site, onto, index + 1);
    site.stream.isRouteStale = false;
    return site.reroute(onto, index + 1);
  };
  const { choice, route } = site.stream;
  const switched = choice?.perFilter.get(filter.name) ?? route?.perFilter.get(filter.name);
  if (switched === undefined ? filter.isDisabled : switched === FILTER_DISABLED) return goOn(trail);
  const kind = filter.filter.name;
  if (kind === RBAC) return authorize(site, index, trail) ?? goOn(trail);
  if (kind === JWT_AUTHN) return (await checkToken(site, index, trail)) ?? goOn(trail);
  if (kind === 'envoy.filters.http.ext_authz') return askAbout(site, index, trail) ?? goOn(trail);
  const fault = kind === 'envoy.filters.http.fault' ? faultOf(site, filter) : undefined;
  if (fault !== undefined) {
    tellDelay(site, fault, trail);
    return (await abort(site, fault, trail, goOn)) ?? goOn(trail);
  }
  const handling = HANDLING[kind] ?? 'silent';
  if (handling === 'asks') trail.add('filter', `${filter.name}: decides by what only a running proxy has; taken to let the request pass`);
  return (handling === 'run' ? await run(site, filter, trail) : undefined) ?? goOn(trail);
}

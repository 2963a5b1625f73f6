/** A request at a connection manager: cleaned, routed, filtered and sent on as the proxy does it. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { decodeTyped } from '../../proxy/config/typed-config.ts';
import { httpFilters } from '../../proxy/http/filters/index.ts';
import { readHcm } from '../../proxy/http/hcm-config.ts';
import { checkTarget } from '../../proxy/http/request-checks.ts';
import { cleanRequest } from '../../proxy/http/request-hygiene.ts';
import { explainRoutes, type RouteExplanation } from '../../proxy/router/explain-routes.ts';
import { liveShare } from '../../proxy/config/live-values.ts';
import { buildRouteTable, type BuiltRouteTable } from '../../proxy/router/route-table.ts';
import type { ClusterChoice, RouteEntry } from '../../proxy/router/route.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import type { Route, VirtualHost } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Entered } from './arrival.ts';
import { boundsOf, percent, type Share, sweep } from './chance.ts';
import { type Explanation, type Note, Trail, verdict } from './explanation.ts';
import { forward } from './forward.ts';
import { copyRequest, HeldStream } from './held-stream.ts';
import { type FilterSite, passFilters } from './http-filters.ts';
import type { Stop } from './journey.ts';
import { changesOf, sourceOf } from './source-of.ts';
import { tellTelemetry } from './telemetry.ts';
import { nameOf } from './world.ts';

/** A request that a connection manager has taken. */
interface Taken {
  readonly stop: Stop;
  readonly entered: Entered;
  readonly hcm: HttpConnectionManager;
  readonly config: ReturnType<typeof readHcm>;
  readonly stream: HeldStream;
  readonly routes: RouteConfiguration;
  /** How many of the filters it has passed already. */
  readonly passed: number;
}

function answered(stop: Stop, status: number, why: string, flag = '') {
  const by = nameOf(stop.member);
  return verdict({
    outcome: 'answered',
    status,
    flag,
    by,
    text: `${status}${flag === '' ? '' : ` ${flag}`} by the proxy of ${by}: ${why}`,
  });
}

function routesOf(hcm: HttpConnectionManager, stop: Stop): RouteConfiguration | undefined {
  const { routeSpecifier } = hcm;
  if (routeSpecifier.case === 'routeConfig') return routeSpecifier.value;
  return routeSpecifier.case === 'rds' ? stop.config.routes(routeSpecifier.value.routeConfigName) : undefined;
}

/** What a route is called: its own name, or its place. */
function routeName({ route, index }: RouteExplanation): string {
  return route.name === '' ? `route ${index + 1}` : `route ${route.name}`;
}

function unmetText({ unmet }: RouteExplanation): string {
  return unmet.map(({ what, wants, has }) => `${what} wants ${wants}, has ${has === undefined ? 'none' : JSON.stringify(has)}`).join('; ');
}

/** The routes that were passed over, as notes of the one that was taken. */
function passedOver(routes: readonly RouteExplanation[], taken: RouteExplanation | undefined): Note[] {
  return routes.flatMap((each) => {
    if (each === taken || (taken !== undefined && each.index > taken.index)) return [];
    const source = sourceOf(each.route.metadata);
    const why = each.unmet.length > 0 ? unmetText(each) : `it takes ${percent(each.share)} of such requests, by chance`;
    return [{ text: `not ${routeName(each)}: ${why}`, ...(source && { source }) }];
  });
}

function actionText({ action }: Route): string {
  switch (action.case) {
    case 'redirect':
      return ': a redirect';
    case 'directResponse':
      return ': an answer of the proxy itself';
    default:
      return ' forwards';
  }
}

/** The route that the table has given: told, filtered, and done. */
function withEntry(
  taken: Taken,
  entry: RouteEntry | undefined,
  found: RouteExplanation | undefined,
  routes: readonly RouteExplanation[],
  trail: Trail,
): Promise<Explanation> {
  const notes = passedOver(routes, found);
  if (found === undefined)
    trail.add('route', entry === undefined ? 'no route matches' : 'to https, which the virtual host demands', { notes });
  else
    trail.add('route', `${routeName(found)}${actionText(found.route)}`, {
      source: sourceOf(found.route.metadata),
      notes: [...notes, ...changesOf(found.route.metadata)],
    });
  const choices = choicesOf(taken.stream.request, entry, found?.route);
  // filters may be configured by the weighted cluster
  const areAlike = choices.every(({ value }) => value?.perFilter === choices[0]?.value?.perFilter);
  if (areAlike) return filtered(taken, entry, found?.route, choices, trail);
  return forkChoices(taken, choices, trail, (choice, stream, onto) =>
    filtered({ ...taken, stream }, entry, found?.route, [{ share: 1, value: choice }], onto),
  );
}

/** The clusters that a route may choose, with their shares. */
function choicesOf(request: IncomingRequest, entry: RouteEntry | undefined, route: Route | undefined): Share<ClusterChoice | undefined>[] {
  const action = entry?.action;
  if (action?.kind !== 'cluster') return [{ share: 1, value: undefined }];
  const specifier = route?.action.case === 'route' ? route.action.value.clusterSpecifier : undefined;
  const bounds = specifier?.case === 'weightedClusters' ? boundsOf(specifier.value.clusters.map(({ weight }) => weight ?? 0)) : [];
  return sweep(
    bounds,
    (random) => action.cluster(request, random),
    (choice) => `${choice.name} ${JSON.stringify(choice.criteria)}`,
  );
}

async function forkChoices(
  { stream }: Taken,
  choices: readonly Share<ClusterChoice | undefined>[],
  trail: Trail,
  then: (choice: ClusterChoice | undefined, stream: HeldStream, trail: Trail) => Promise<Explanation>,
): Promise<Explanation> {
  if (choices.length > 1)
    trail.add('cluster', `by weight: ${choices.map(({ share, value }) => `${percent(share)} to ${value?.name ?? 'nowhere'}`).join(', ')}`);
  const branches = choices.map(async ({ share, value }) => {
    const own = stream.copy();
    own.take(stream.route, value);
    return { share, when: `the route chooses ${value?.name ?? 'nothing'}`, explanation: await then(value, own, new Trail(trail.side)) };
  });
  return trail.fork(await Promise.all(branches));
}

/** Through the filters, and then what the route says. */
function filtered(
  taken: Taken,
  entry: RouteEntry | undefined,
  route: Route | undefined,
  choices: readonly Share<ClusterChoice | undefined>[],
  trail: Trail,
): Promise<Explanation> {
  const { stop, entered, hcm, config, stream } = taken;
  stream.take(entry, choices[0]?.value);
  const site: FilterSite = {
    stop,
    listener: entered.listener,
    hcm,
    config,
    stream,
    route,
    goOn: async (onto) => {
      if (entry === undefined) return onto.end(answered(stop, 404, 'no route matches the request', 'NR'));
      const { action } = entry;
      if (action.kind === 'direct') return onto.end(answered(stop, action.status, 'the route answers itself'));
      if (action.kind === 'redirect') return onto.end(answered(stop, action.status, `a redirect to ${action.location(stream.request)}`));
      return forkChoices(taken, choices, onto, (choice, own, branch) =>
        forward({ stop, entry, action, choice, stream: own, route, isQuiet: config.isQuiet }, branch),
      );
    },
    reroute(onto, next) {
      const { routes: again } = explainRoutes(taken.routes, stream.request, stream.info);
      // what chance has chosen stays chosen while it may be
      if (again.some((each) => each.route === route && each.unmet.length === 0 && isFirst(each, again)))
        return passFilters(site, onto, next);
      return chooseRoute({ ...taken, passed: next }, onto);
    },
  };
  return passFilters(site, trail, taken.passed);
}

/** True where no route before it is sure to take the request. */
function isFirst(route: RouteExplanation, all: readonly RouteExplanation[]): boolean {
  return !all.slice(0, all.indexOf(route)).some((each) => each.unmet.length === 0 && each.share >= 1);
}

/** Which routes chance may choose between, each with its explanation. */
function routed(table: BuiltRouteTable, taken: Taken, routes: readonly RouteExplanation[]): Share<RouteEntry | undefined>[] {
  const { request, info } = taken.stream;
  const bounds = routes.map(({ route }) => liveShare(route.match?.runtimeFraction, 1).value);
  return sweep(
    bounds,
    (random) => table.match(request, random, info),
    (entry) => entry,
  );
}

/** How the proxy comes by a virtual host. */
function askedFor({ stop, routes }: Taken, { domains }: VirtualHost): Note[] {
  if (!stop.config.asksForHosts(routes.name) || domains.includes('*')) return [];
  return [{ text: 'the proxy asks for it when the host is first called (VHDS)' }];
}

/** Chooses a route by what is known of the request, and goes on with it. */
async function chooseRoute(taken: Taken, trail: Trail): Promise<Explanation> {
  const { routes } = taken;
  const { request, info } = taken.stream;
  const explained = explainRoutes(routes, request, info);
  const { host } = explained;
  const where = `of the route table ${routes.name}, for the host ${request.authority}`;
  if (host === undefined) trail.add('virtual-host', `none ${where}`);
  else
    trail.add('virtual-host', `${host.name} ${where}`, {
      source: sourceOf(host.metadata),
      notes: [...askedFor(taken, host), ...changesOf(host.metadata)],
    });
  const shares = routed(buildRouteTable(routes, '', httpFilters), taken, explained.routes);
  let below = 0;
  const branches = shares.map(async ({ share, value }) => {
    // routes with a share take what is below it of the number that chance gives
    const random = below + share / 2;
    below += share;
    const found = explained.isSentToTls ? undefined : explained.routes.find((each) => each.unmet.length === 0 && random < each.share);
    const own = { ...taken, stream: taken.stream.copy() };
    return {
      share,
      when: found === undefined ? 'no route takes it' : `${routeName(found)} takes it`,
      explanation: await withEntry(own, value, found, explained.routes, new Trail(trail.side)),
    };
  });
  return trail.fork(await Promise.all(branches));
}

/** Explains what the connection manager of `any` does with `request`, which came by `entered`. */
export async function explainHttp(stop: Stop, entered: Entered, any: Any, request: IncomingRequest, trail: Trail): Promise<Explanation> {
  const path = `${entered.listener.name}.http_connection_manager`;
  const hcm = decodeTyped(any, HttpConnectionManagerSchema, path);
  const config = readHcm(hcm, path);
  const stream = new HeldStream(copyRequest(request), entered.connection);
  const refusal = checkTarget(stream.request, config);
  if (refusal !== undefined) return trail.end(answered(stop, refusal.reply.status, refusal.reply.details));
  const origin = cleanRequest(stream.request, entered.connection, config.hygiene);
  stream.isInternal = origin.isInternal;
  if (origin.client !== '') stream.info.clientAddress = { host: origin.client, port: 0 };
  const routes = routesOf(hcm, stop);
  tellTelemetry(stop, hcm, trail);
  if (routes === undefined) return trail.end(answered(stop, 404, 'it has no route table', 'NR'));
  return chooseRoute({ stop, entered, hcm, config, stream, routes, passed: 0 }, trail);
}

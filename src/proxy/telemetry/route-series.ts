/**
 * Rate, errors and latency by route, as whoever calls sees them: `tulle_route_duration_milliseconds`. A route is named by
 * the resource that it was written in: most have no name of their own.
 */
import type { StreamInfo } from '../http/stream-info.ts';
import type { RouteEntry } from '../router/route.ts';
import { metadataAt } from './metadata-path.ts';
import { DEFAULT_BOUNDS } from './registry.ts';
import { type Histogram, type Labels, observe, type StatsScope } from './stats.ts';

/** Routes of traffic that is for no service of the mesh. */
const ANY: ReadonlySet<string> = new Set(['allow_any', 'block_all']);

/** How a request went, by what it is counted under. */
const RESULTS = ['success', 'failure', 'denied'] as const;
export type RouteResult = (typeof RESULTS)[number];

function textAt({ metadata }: RouteEntry, key: string): string {
  const value = metadataAt(metadata, ['tulle', key]);
  return typeof value === 'string' ? value : '';
}

/** `VirtualService shop/reviews, spec.http[0]` or the route's name behind the comma; `default` of a service without rules. */
function routeText(route: RouteEntry): string {
  const kind = textAt(route, 'kind');
  const { name } = route;
  if (kind === '' || name === 'default') return name === '' ? 'default' : name;
  const own = name === '' ? textAt(route, 'field') : name;
  const resource = `${kind} ${textAt(route, 'namespace')}/${textAt(route, 'name')}`;
  return own === '' ? resource : `${resource}, ${own}`;
}

/** The host of a virtual host's name, which has the port behind it. */
function hostOf({ virtualHostName }: RouteEntry): string {
  return virtualHostName.replace(/:\d+$/, '');
}

/** Counts requests of one filter by their routes; `own` are labels that say who calls. */
export class RouteSeries {
  readonly #stats: StatsScope;
  readonly #own: Labels;
  readonly #series = new WeakMap<RouteEntry, (Histogram | undefined)[]>();
  /** The route of the request before, and its series. */
  #last: RouteEntry | undefined = undefined;
  #ofLast: (Histogram | undefined)[] = [];

  constructor(stats: StatsScope, own: Labels) {
    this.#stats = stats;
    this.#own = own;
  }

  count(info: StreamInfo, isGrpc: boolean, result: RouteResult): void {
    const { route } = info;
    if (route === undefined) return;
    if (route !== this.#last && !this.#find(route)) return;
    const all = this.#ofLast;
    const place = RESULTS.indexOf(result) * 2 + (isGrpc ? 1 : 0);
    const histogram = (all[place] ??= this.#create(route, isGrpc, result));
    observe(histogram, info.endMs - info.startMs);
  }

  /** False for a route that is not counted. */
  #find(route: RouteEntry): boolean {
    if (ANY.has(route.name)) return false;
    let all = this.#series.get(route);
    if (all === undefined) this.#series.set(route, (all = []));
    this.#last = route;
    this.#ofLast = all;
    return true;
  }

  #create(route: RouteEntry, isGrpc: boolean, result: RouteResult): Histogram {
    const labels = {
      ...this.#own,
      destination_service: hostOf(route),
      route: routeText(route),
      request_protocol: isGrpc ? 'grpc' : 'http',
      result,
    };
    return this.#stats.labelledHistogram('tulle_route_duration_milliseconds', labels, DEFAULT_BOUNDS);
  }
}

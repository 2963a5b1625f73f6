/**
 * Requests that wait for what is asked for when it is needed: for their virtual host (VHDS) or the table of their scope
 * (SRDS) here, and for their cluster in the router, which is told how long. Envoy: envoy.filters.http.on_demand.
 */
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import {
  type OnDemand,
  type OnDemandCds,
  OnDemandSchema,
  type PerRouteConfig,
  PerRouteConfigSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts';
import { durationMs } from '../../config/durations.ts';
import type { RouteSource } from '../../router/route.ts';
import { CONTINUE, type FilterStatus, type HttpFilter, type HttpFilterHandlers, type HttpStream, STOP } from '../filter.ts';
import { routeConfig } from '../route-config.ts';

const NAME = 'envoy.filters.http.on_demand';

/** How long a request waits for its route; it goes on without one then (404). */
const ROUTE_WAIT_MS = 5000;
/** `OnDemandCds.timeout`, where it does not say. */
const CLUSTER_WAIT_MS = 5000;

class OnDemandConfig {
  /** 0 where clusters are not asked for. */
  readonly clusterWaitMs: number;

  constructor({ odcds }: OnDemand | PerRouteConfig, path: string) {
    refuseOtherThanAds(odcds, path);
    this.clusterWaitMs = odcds === undefined ? 0 : durationMs(odcds.timeout, CLUSTER_WAIT_MS);
  }
}

function refuseOtherThanAds(odcds: OnDemandCds | undefined, path: string): void {
  if (odcds !== undefined && odcds.source?.configSourceSpecifier.case !== 'ads')
    throw new ConfigError(`${path}.odcds.source`, 'only ads is supported by Tulle');
}

function parseRoute(given: unknown, path: string): OnDemandConfig {
  const message = messageAs(PerRouteConfigSchema, given, path);
  return new OnDemandConfig(message, path);
}

/** Asks for the route of a request that has none. `goOn` is called later where the request is to wait. */
function awaitRoute(routes: RouteSource | undefined, stream: HttpStream, goOn: () => void): FilterStatus {
  if (stream.route !== undefined || routes?.request === undefined) return CONTINUE;
  let isNow = true;
  let isThere = false;
  const isAsked = routes.request(stream.request, () => {
    if (isNow) isThere = true;
    else goOn();
  });
  isNow = false;
  if (!isAsked) return CONTINUE;
  if (!isThere) return STOP;
  stream.refreshRoute();
  return CONTINUE;
}

function createOnDemand(own: OnDemandConfig, name: string, routes: RouteSource | undefined): HttpFilterHandlers {
  const waiting = new WeakSet<HttpStream>();
  const tellWait = (stream: HttpStream): void => {
    stream.clusterWaitMs = (routeConfig(stream, name, OnDemandConfig) ?? own).clusterWaitMs;
  };
  const resume = (stream: HttpStream): void => {
    if (!waiting.delete(stream)) return;
    stream.refreshRoute();
    tellWait(stream);
    stream.resumeRequest();
  };
  return {
    onRequestHeaders(stream) {
      if (awaitRoute(routes, stream, () => resume(stream)) === CONTINUE) {
        tellWait(stream);
        return CONTINUE;
      }
      waiting.add(stream);
      stream.after(ROUTE_WAIT_MS, () => resume(stream));
      return STOP;
    },
    onComplete(stream) {
      waiting.delete(stream);
    },
  };
}

export const onDemand: HttpFilter<typeof OnDemandSchema, OnDemandConfig> = {
  name: NAME,
  schema: OnDemandSchema,
  parse: (message, path) => new OnDemandConfig(message, path),
  routeSchema: PerRouteConfigSchema,
  parseRoute,
  create: (own, { name, routes }) => createOnDemand(own, name, routes),
};

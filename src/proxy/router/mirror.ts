/** Copies of requests to other clusters, whose answers nobody reads. Source: Envoy, RouteAction.RequestMirrorPolicy. */
import type { Clock } from '../../core/clock.ts';
import { requestHeadText } from '../../wire/http1/encode.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import type { ClusterManager, Host } from '../cluster/cluster.ts';
import type { HttpClient, ResponseReader } from '../cluster/http-client.ts';
import { poolOf, type PoolWaiter } from '../cluster/http-pool.ts';
import { clusterHttpStats } from '../cluster/http-stats.ts';
import { timersOf } from '../timers.ts';

/** A mirror that takes longer is given up. */
const MIRROR_TIMEOUT_MS = 15_000;

/** Envoy marks a mirrored request in its authority: `host-shadow`, before the port. */
function shadowAuthority(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.endsWith(']')) return `${authority}-shadow`;
  return `${authority.slice(0, colon)}-shadow${authority.slice(colon)}`;
}

function mirrorTo(name: string, text: string, isHead: boolean, body: readonly Uint8Array[], clusters: ClusterManager, clock: Clock): void {
  const cluster = clusters.get(name);
  const host = cluster?.pick({ hash: undefined, avoid: [], avoidAttempts: 1, originalDestination: undefined });
  if (cluster === undefined || host === undefined || cluster.limits.requests.value >= cluster.limits.maxRequests) return;
  const timers = timersOf(clock);
  const pool = poolOf(cluster, host, clock);
  let client: HttpClient | undefined;
  const release = startCount(host, cluster.limits.requests);
  const end = (): void => {
    timers.cancel(timeout);
    release();
  };
  const mirror: ResponseReader & PoolWaiter = {
    isHead,
    onPoolReady(ready) {
      client = ready;
      client.sendHead(text, body.length === 0, false, mirror);
      for (const chunk of body) client.sendData(chunk);
      client.sendEnd(undefined);
    },
    onPoolFailure: end,
    onResponseHead(head, isEnd) {
      for (const counter of clusterHttpStats(cluster.stats).status(head.status)) counter.value++;
      if (isEnd) end();
    },
    onResponseData() {},
    onResponseEnd: end,
    onUpstreamDrain() {},
    onUpstreamReset: end,
  };
  const timeout = timers.after(MIRROR_TIMEOUT_MS, () => {
    pool.cancel(mirror);
    client?.destroy();
    release();
  });
  clusterHttpStats(cluster.stats).upstream_rq_total.value++;
  pool.acquire(mirror);
}

/** Counts a request at a host and in its cluster; gives what takes it back, once. */
function startCount(host: Host, requests: { value: number }): () => void {
  host.activeRequests++;
  requests.value++;
  let isCounted = true;
  return () => {
    if (!isCounted) return;
    isCounted = false;
    host.activeRequests--;
    requests.value--;
  };
}

/** Sends a request whose body is known in whole to each of the named clusters. */
export function sendMirrors(
  names: readonly string[],
  request: Http1Request,
  body: readonly Uint8Array[],
  clusters: ClusterManager,
  clock: Clock,
): void {
  const headers = request.headers.clone();
  const length = body.reduce((sum, chunk) => sum + chunk.length, 0);
  // A body that came in chunks is whole by now, and goes out with its length.
  if (request.contentLength < 0) headers.set('content-length', String(length));
  const text = requestHeadText(request.method, request.path, shadowAuthority(request.authority), headers, false, '', '');
  for (const name of names) mirrorTo(name, text, request.method === 'HEAD', body, clusters, clock);
}

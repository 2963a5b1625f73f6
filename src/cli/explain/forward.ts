/** What a route does with a request that it forwards: timeouts, retries, rewrites, mirrors, and on to the cluster. */
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Route } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpRule } from '../../model/route.ts';
import { readRequestPolicy, type RequestPolicy } from '../../proxy/router/request-policy.ts';
import { retryWords } from '../../proxy/router/retry-policy.ts';
import type { ClusterChoice, RouteAction, RouteEntry } from '../../proxy/router/route.ts';
import { prepareRequest } from '../../proxy/router/upstream-head.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import { percent } from './chance.ts';
import { type Explanation, type Note, type Source, type Trail, verdict } from './explanation.ts';
import { copyRequest, type HeldStream } from './held-stream.ts';
import type { Stop } from './journey.ts';
import { defaultBudgetText, retryBoundText } from './retry-bounds.ts';
import { ruleAt } from './rules.ts';
import { changesOf, sourceOf } from './source-of.ts';
import { destinationRule, toCluster } from './upstream.ts';
import { nameOf } from './world.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

export interface Forwarding {
  readonly stop: Stop;
  readonly entry: RouteEntry;
  readonly action: ClusterAction;
  readonly choice: ClusterChoice | undefined;
  readonly stream: HeldStream;
  readonly route: Route | undefined;
  readonly isQuiet: boolean;
}

function timeText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}

/** Where a value of the rule was said, or that nobody did; an EnvoyFilter may have changed it since. */
function saidBy(
  isSaid: boolean,
  source: Source | undefined,
  isPatched: boolean,
): { readonly suffix: string; readonly source: Source | undefined } {
  if (isPatched) return { suffix: ' (after the EnvoyFilter)', source: isSaid ? source : undefined };
  return isSaid ? { suffix: '', source } : { suffix: ' (the default)', source: undefined };
}

function tellTimeout(
  { timeoutMs }: RequestPolicy,
  rule: HttpRule | undefined,
  source: Source | undefined,
  isPatched: boolean,
  trail: Trail,
): void {
  const said = saidBy(rule?.timeoutMs !== undefined, source, isPatched);
  trail.add('timeout', `${timeoutMs === 0 ? 'none' : timeText(timeoutMs)}${said.suffix}`, { source: said.source });
}

function retryText({ retry, perTryTimeoutMs }: RequestPolicy): string {
  if (retry === undefined || retry.maxRetries === 0) return 'none';
  const bound = perTryTimeoutMs === 0 ? '' : `, ${timeText(perTryTimeoutMs)} for each attempt`;
  return `at most ${retry.maxRetries}, on ${retryWords(retry.retryOn).join(', ')}${bound}`;
}

function tellRetries(
  policy: RequestPolicy,
  rule: HttpRule | undefined,
  source: Source | undefined,
  isPatched: boolean,
  bounds: readonly Note[],
  trail: Trail,
): void {
  const said = saidBy(rule?.retries !== undefined, source, isPatched);
  const notes = (policy.retry?.maxRetries ?? 0) === 0 ? [] : bounds;
  trail.add('retries', `${retryText(policy)}${said.suffix}`, { source: said.source, notes });
}

/** What bounds the retries of all requests to the cluster together, with the DestinationRule that has set it. */
function boundsOf(cluster: Cluster, stop: Stop, { retry }: RequestPolicy): Note[] {
  const text = retryBoundText(cluster);
  const source = destinationRule(cluster, stop)[0]?.source;
  if (text !== undefined) return [{ text, ...(source && { source }) }];
  const byDefault = retry?.isUnbudgeted === true ? undefined : defaultBudgetText(cluster);
  return byDefault === undefined ? [] : [{ text: byDefault }];
}

function fieldsOf(request: IncomingRequest): Map<string, string> {
  const fields = new Map<string, string>([
    [':authority', request.authority],
    [':path', request.path],
  ]);
  request.headers.forEach((name, value) => fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value));
  return fields;
}

/** What differs between two heads. */
function changes(before: IncomingRequest, after: IncomingRequest): Note[] {
  const [former, next] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...former.keys(), ...next.keys()])].filter((name) => former.get(name) !== next.get(name));
  return names.map((name) => {
    const [from, to] = [former.get(name), next.get(name)];
    if (from === undefined) return { text: `${name} is set to ${JSON.stringify(to)}` };
    return { text: to === undefined ? `${name} is removed` : `${name} becomes ${JSON.stringify(to)}, from ${JSON.stringify(from)}` };
  });
}

function tellMirrors({ action, stream }: Forwarding, source: Source | undefined, trail: Trail): void {
  for (const { cluster, fraction } of action.mirrors) {
    const name = cluster(stream.request);
    if (name !== '' && fraction.value > 0)
      trail.add('mirror', `${percent(fraction.value)} are copied to ${name}, whose answers nobody reads`, { source });
  }
}

/** Sends a request on as `action` says. */
export async function forward(way: Forwarding, trail: Trail): Promise<Explanation> {
  const { stop, entry, action, choice, stream, route, isQuiet } = way;
  const { journey, config, member } = stop;
  const cluster = choice && config.cluster(choice.name);
  if (choice === undefined || cluster === undefined) {
    const status = action.clusterNotFoundStatus;
    const by = nameOf(member);
    const text = `${status} NC by the proxy of ${by}: there is no cluster ${choice?.name ?? ''}`;
    return trail.end(verdict({ outcome: 'answered', status, flag: 'NC', by, text }));
  }
  const source = sourceOf(route?.metadata);
  const policy = readRequestPolicy(stream.request, action, stream.isInternal);
  if (trail.side !== 'server') {
    const rule = ruleAt(journey.world.mesh, source);
    const isPatched = changesOf(route?.metadata).length > 0;
    tellTimeout(policy, rule, source, isPatched, trail);
    tellRetries(policy, rule, source, isPatched, boundsOf(cluster, stop, policy), trail);
  }
  const before = copyRequest(stream.request);
  prepareRequest(stream, entry, action.rewrite, isQuiet);
  const notes = changes(before, stream.request);
  if (notes.length > 0) trail.add('rewrite', 'the request is changed', { source, notes });
  tellMirrors(way, source, trail);
  const hash = action.hash?.(stream);
  return toCluster(
    { stop, name: choice.name, traffic: { kind: 'http', request: stream.request }, stream, hash, connection: stream.connection },
    trail,
  );
}

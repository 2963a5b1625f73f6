/** VirtualServices whose rules leave it to others: the delegate's rules stand in the place of the rule that names it. */
import type { StringMatch } from '../../../model/match.ts';
import type { HttpMatch, HttpRule, RouteSet } from '../../../model/route.ts';
import { isExported } from '../../emit/hosts.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { DelegatingPart } from '../part.ts';
import type { Findings } from './findings.ts';

/** Route sets without hosts, by namespace/name. */
export type Delegates = ReadonlyMap<string, DelegatingPart>;

/** True where nothing that meets `inner` is sure to meet `outer`, as Istio decides it. */
function isOutside(outer: StringMatch | undefined, inner: StringMatch | undefined): boolean {
  if (outer === undefined || inner === undefined || outer.kind === 'present' || inner.kind === 'present') return false;
  if (outer.kind === 'regex' || inner.kind === 'regex') return true;
  if (outer.kind === 'exact') return inner.kind !== 'exact' || inner.value !== outer.value;
  return !inner.value.startsWith(outer.value);
}

type Named = readonly (readonly [name: string, match: StringMatch])[];

function areOutside(outer: Named, inner: Named): boolean {
  const own = new Map(outer);
  return inner.some(([name, match]) => isOutside(own.get(name), match));
}

function differ<T>(outer: T | undefined, inner: T | undefined): boolean {
  return outer !== undefined && inner !== undefined && outer !== inner;
}

/** True where a delegate's match is for other requests than the root's: it is dropped. */
function conflicts(root: HttpMatch, own: HttpMatch): boolean {
  return (
    isOutside(root.uri, own.uri) ||
    isOutside(root.scheme, own.scheme) ||
    isOutside(root.method, own.method) ||
    isOutside(root.authority, own.authority) ||
    areOutside(root.headers, own.headers) ||
    areOutside(root.withoutHeaders, own.withoutHeaders) ||
    areOutside(root.queryParams, own.queryParams) ||
    root.ignoreUriCase !== own.ignoreUriCase ||
    differ(root.port, own.port) ||
    differ(root.sourceNamespace, own.sourceNamespace) ||
    Object.entries(own.sourceLabels).some(([key, value]) => differ(root.sourceLabels[key], value)) ||
    (root.gateways.length > 0 && own.gateways.some((gateway) => !root.gateways.includes(gateway)))
  );
}

function joined(outer: Named, inner: Named): Named {
  return [...new Map([...outer, ...inner])];
}

function named(root: string, own: string): string {
  return [root, own].filter((part) => part !== '').join('-');
}

function mergeMatch(root: HttpMatch, own: HttpMatch): HttpMatch {
  return {
    name: named(root.name, own.name),
    uri: own.uri ?? root.uri,
    ignoreUriCase: own.ignoreUriCase,
    scheme: own.scheme ?? root.scheme,
    method: own.method ?? root.method,
    authority: own.authority ?? root.authority,
    headers: joined(root.headers, own.headers),
    withoutHeaders: joined(root.withoutHeaders, own.withoutHeaders),
    queryParams: joined(root.queryParams, own.queryParams),
    port: own.port ?? root.port,
    sourceLabels: { ...root.sourceLabels, ...own.sourceLabels },
    sourceNamespace: own.sourceNamespace ?? root.sourceNamespace,
    gateways: own.gateways.length > 0 ? own.gateways : root.gateways,
    statPrefix: own.statPrefix === '' ? root.statPrefix : own.statPrefix,
    origin: own.origin,
  };
}

/** What both want; undefined where no request can meet both. */
function mergeMatches(root: readonly HttpMatch[], own: readonly HttpMatch[]): readonly HttpMatch[] | undefined {
  if (root.length === 0) return own;
  if (own.length === 0) return root;
  const both = root.flatMap((outer) => own.filter((inner) => !conflicts(outer, inner)).map((inner) => mergeMatch(outer, inner)));
  return both.length === 0 ? undefined : both;
}

/** A delegate's rule with what the root says where it says nothing. */
function mergeRule(root: HttpRule, own: HttpRule): HttpRule | undefined {
  const matches = mergeMatches(root.matches, own.matches);
  if (matches === undefined) return undefined;
  return {
    ...own,
    name: named(root.name, own.name),
    matches,
    rewrite: own.rewrite ?? root.rewrite,
    timeoutMs: own.timeoutMs ?? root.timeoutMs,
    retries: own.retries ?? root.retries,
    fault: own.fault ?? root.fault,
    cors: own.cors ?? root.cors,
    mirrors: own.mirrors.length > 0 ? own.mirrors : root.mirrors,
    headers: own.headers ?? root.headers,
  };
}

/** The route set with the rules of its delegates. One that is not there, or not seen, leaves nothing of its rule. */
export function expandDelegates({ route, delegates }: DelegatingPart, known: Delegates, findings: Findings): RouteSet {
  const http = route.http.flatMap((rule, i) => {
    const reference = delegates.get(i);
    if (reference === undefined) return [rule];
    const key = `${reference.namespace}/${reference.name}`;
    const found = known.get(key);
    if (found === undefined || !isExported(found.route.exportTo, found.route.namespace, route.namespace)) {
      const hint = found === undefined ? didYouMean(key, known.keys()) : ` Its exportTo leaves out "${route.namespace}".`;
      findings.warning('TUL116', reference.origin, `there is no VirtualService "${key}" without hosts: the rule leads nowhere.${hint}`);
      return [];
    }
    return found.route.http.flatMap((own, place) => {
      // one level only: the delegate's own delegates are none
      const merged = found.delegates.has(place) ? undefined : mergeRule(rule, own);
      if (merged !== undefined) return [merged];
      findings.warning(
        'TUL117',
        own.origin,
        `the rule is never reached from ${route.namespace}/${route.name}, which is for other requests`,
      );
      return [];
    });
  });
  return { ...route, http };
}

/** Rules of routes in words: what they match, and where requests go. */
import type { StringMatch } from '../../model/match.ts';
import type { HttpMatch, HttpRule, L4Match, L4Rule, WeightedDestination } from '../../model/route.ts';

const MARKS = { exact: '=', prefix: '^', suffix: '$', regex: '~' } as const;

function matchText(what: string, match: StringMatch | undefined): string[] {
  if (match === undefined) return [];
  return match.kind === 'present' ? [`${what} present`] : [`${what} ${MARKS[match.kind]} ${match.value}`];
}

function httpMatchText(match: HttpMatch): string {
  const { uri, scheme, method, authority, headers, withoutHeaders, queryParams, port, sourceLabels, sourceNamespace } = match;
  const parts = [
    ...matchText('path', uri),
    ...matchText('method', method),
    ...matchText('scheme', scheme),
    ...matchText('authority', authority),
    ...headers.flatMap(([name, value]) => matchText(`header ${name}`, value)),
    ...withoutHeaders.flatMap(([name, value]) => matchText(`not header ${name}`, value)),
    ...queryParams.flatMap(([name, value]) => matchText(`query ${name}`, value)),
    ...(port === undefined ? [] : [`port ${port}`]),
    ...(sourceNamespace === undefined ? [] : [`from namespace ${sourceNamespace}`]),
    ...Object.entries(sourceLabels).map(([key, value]) => `from ${key}=${value}`),
  ];
  return parts.join(', ');
}

function l4MatchText({ sniHosts, destinationSubnets, port, sourceNamespace }: L4Match): string {
  const parts = [
    ...sniHosts.map((host) => `SNI ${host}`),
    ...destinationSubnets.map((subnet) => `to ${subnet}`),
    ...(port === undefined ? [] : [`port ${port}`]),
    ...(sourceNamespace === undefined ? [] : [`from namespace ${sourceNamespace}`]),
  ];
  return parts.join(', ');
}

function destinationView({ destination: { host, subset, port }, weight }: WeightedDestination): object {
  return { host, subset: subset ?? '', ...(port === undefined ? {} : { port }), weight };
}

function faultText({ fault }: HttpRule): string {
  const { delay, abort } = fault ?? {};
  return [
    ...(delay === undefined ? [] : [`delays ${delay.percent}% by ${delay.fixedMs} ms`]),
    ...(abort === undefined ? [] : [`answers ${abort.percent}% with ${abort.status}`]),
  ].join(', ');
}

/** A rule of HTTP; `matches` is empty where it takes every request. */
export function httpRuleView(rule: HttpRule): object {
  const { name, action, matches, timeoutMs, retries, mirrors } = rule;
  const fault = faultText(rule);
  return {
    protocol: 'http',
    name,
    action: action.kind,
    matches: matches.map(httpMatchText),
    destinations: action.kind === 'forward' ? action.destinations.map(destinationView) : [],
    ...(action.kind === 'direct-response' ? { status: action.status } : {}),
    ...(action.kind === 'redirect' ? { status: action.redirect.code } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retries === undefined ? {} : { retries: retries.attempts }),
    ...(fault === '' ? {} : { fault }),
    ...(mirrors.length === 0
      ? {}
      : { mirrors: mirrors.map(({ destination: { host, subset }, percent }) => ({ host, subset: subset ?? '', percent })) }),
  };
}

/** A rule of connections. */
export function l4RuleView(protocol: 'tls' | 'tcp', { matches, destinations }: L4Rule): object {
  return { protocol, name: '', action: 'forward', matches: matches.map(l4MatchText), destinations: destinations.map(destinationView) };
}

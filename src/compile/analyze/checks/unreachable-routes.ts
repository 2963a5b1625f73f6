/** Rules and matches behind others that take everything that they would. */
import { ANY_REQUEST, type HttpMatch, type HttpRule, type L4Rule, type RouteSet } from '../../../model/route.ts';
import type { Check, Say } from '../finding.ts';
import { coversMatch, takesEverything } from '../coverage.ts';
import { virtualServices } from '../routes.ts';

/** Most matches of one VirtualService that each other one is compared with; beyond, only catch-alls are. */
const MATCHES_MAX = 500;

/** A rule without matches is one that takes everything. */
function everything(rule: HttpRule): HttpMatch {
  return { ...ANY_REQUEST, origin: rule.origin };
}

function matchesOf(rule: HttpRule): readonly HttpMatch[] {
  return rule.matches.length === 0 ? [everything(rule)] : rule.matches;
}

function label({ name, origin }: HttpRule): string {
  return name === '' ? `the rule in line ${origin.line}` : `rule "${name}" (line ${origin.line})`;
}

interface Earlier {
  readonly match: HttpMatch;
  readonly rule: HttpRule;
}

function checkHttp(set: RouteSet, say: Say): void {
  const earlier: Earlier[] = [];
  for (const rule of set.http) {
    const own = matchesOf(rule);
    const taken = own.map((match) => earlier.find(({ match: wide }) => coversMatch(wide, match)));
    const [first] = taken;
    if (first !== undefined && taken.every((by) => by !== undefined)) {
      const why = takesEverything(first.match) ? 'takes every request' : 'takes every request that this one would';
      say('IST0130', rule.origin, `${label(first.rule)} ${why}: this rule is never reached`);
    } else sayMatches(own, taken, say);
    for (const match of own) if (earlier.length < MATCHES_MAX || takesEverything(match)) earlier.push({ match, rule });
  }
}

/** Single matches that earlier rules take, or earlier matches of the same rule. */
function sayMatches(own: readonly HttpMatch[], taken: readonly (Earlier | undefined)[], say: Say): void {
  for (const [index, match] of own.slice(0, MATCHES_MAX).entries()) {
    const by = taken[index];
    const twin = own.slice(0, index).find((before) => coversMatch(before, match));
    if (by !== undefined) say('IST0131', match.origin, `${label(by.rule)} takes everything that this match would: it has no effect`);
    else if (twin !== undefined) say('IST0131', match.origin, `the match in line ${twin.origin.line} takes everything that this one would`);
  }
}

function checkBytes(rules: readonly L4Rule[], say: Say): void {
  const seen = new Map<string, L4Rule>();
  let all: L4Rule | undefined;
  for (const rule of rules) {
    if (all !== undefined) {
      say('IST0130', rule.origin, `the rule in line ${all.origin.line} takes every connection: this rule is never reached`);
      continue;
    }
    const keys = rule.matches.map((match) => JSON.stringify({ ...match, origin: undefined }));
    const twins = keys.map((key) => seen.get(key));
    const [twin] = twins;
    if (twin !== undefined && twins.every((found) => found !== undefined)) {
      say('IST0130', rule.origin, `the rule in line ${twin.origin.line} has the same match: this rule is never reached`);
    }
    if (rule.matches.length === 0) all = rule;
    for (const key of keys) if (!seen.has(key)) seen.set(key, rule);
  }
}

/** Behind an older VirtualService for the same host of the same gateway, whose last rule takes all. */
function checkGatewayHosts(sets: readonly RouteSet[], say: Say): void {
  const closed = new Map<string, RouteSet>();
  for (const set of sets) {
    const open = set.http.length > 0 ? set.gateways.filter((gateway) => gateway !== 'mesh') : [];
    const places = open.flatMap((gateway) => set.hosts.map((host) => ({ gateway, host })));
    for (const { gateway, host } of places) {
      const before = closed.get(`${gateway} ${host}`);
      if (before === undefined || before === set) continue;
      const { namespace, name, file, line } = before.origin;
      const message = `"${host}" of Gateway ${gateway} is taken by ${namespace}/${name} (${file}:${line}), which is older and whose rules take every request: these rules are never reached`;
      say('IST0130', set.origin, message);
      break;
    }
    if (!set.http.some((rule) => matchesOf(rule).some(takesEverything))) continue;
    for (const { gateway, host } of places) if (!closed.has(`${gateway} ${host}`)) closed.set(`${gateway} ${host}`, set);
  }
}

export const unreachableRoutes: Check = {
  name: 'unreachable-routes',
  looksAt: ['VirtualService'],
  codes: ['IST0130', 'IST0131'],
  run(world, say) {
    const sets = virtualServices(world);
    for (const set of sets) {
      checkHttp(set, say);
      checkBytes(set.tls, say);
      checkBytes(set.tcp, say);
    }
    checkGatewayHosts(sets, say);
  },
};

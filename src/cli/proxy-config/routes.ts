/** Route tables in a table: a row for each route, with what it matches and who wrote it. */
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../json.ts';
import type { Dumped } from './dump.ts';
import { originOf } from './origin.ts';
import { isAsked, refusalText, textColumn, type View } from './view.ts';

const DOMAINS_MAX = 2;

function pathMatch(match: JsonObject): string {
  const { prefix, path, path_separated_prefix: separated } = match;
  if (textOf(path) !== '') return textOf(path);
  if (textOf(separated) !== '') return `${textOf(separated)}[/*]`;
  const regex = textOf(objectAt(match, 'safe_regex')['regex']);
  if (regex !== '') return `~${regex}`;
  return isObject(match['connect_matcher']) ? 'CONNECT' : `${textOf(prefix)}*`;
}

/** `/api*`, and how much else a route looks at: `/api* +2 headers`. */
export function matchOf(match: JsonObject): string {
  const [headers, parameters] = [objectsOf(match['headers']).length, objectsOf(match['query_parameters']).length];
  const more = [
    [headers, 'header'],
    [parameters, 'parameter'],
  ] as const;
  const counted = more.filter(([count]) => count > 0).map(([count, what]) => ` +${count} ${what}${count === 1 ? '' : 's'}`);
  return pathMatch(match) + counted.join('');
}

function weightedText(clusters: readonly JsonObject[]): string {
  return clusters.map((each) => `${textOf(each['name'])} ${textOf(each['weight']) || '0'}`).join(', ');
}

function actionOf(route: JsonObject): string {
  const action = objectAt(route, 'route');
  const weighted = objectsOf(objectAt(action, 'weighted_clusters')['clusters']);
  if (weighted.length > 0) return weightedText(weighted);
  const cluster = textOf(action['cluster']);
  if (cluster !== '') return cluster;
  if (isObject(route['redirect'])) return 'redirect';
  if (isObject(route['direct_response'])) return `status ${textOf(route['direct_response']['status'])}`;
  return textOf(action['cluster_header']) === '' ? '' : `cluster of header ${textOf(action['cluster_header'])}`;
}

function domainsOf(host: JsonObject): string {
  const domains = Array.isArray(host['domains']) ? host['domains'].map(textOf) : [];
  const more = domains.length - DOMAINS_MAX;
  return domains.slice(0, DOMAINS_MAX).join(', ') + (more > 0 ? ` + ${more} more` : '');
}

function rowsOf({ name, state, error, body }: Dumped): JsonObject[] {
  if (state === 'refused') return [{ name, state, virtualHost: '', domains: '', match: '', action: refusalText(error), origin: '' }];
  return objectsOf(body['virtual_hosts']).flatMap((host) => {
    const own = { name: name || textOf(body['name']), state, virtualHost: textOf(host['name']), domains: domainsOf(host) };
    const routes = objectsOf(host['routes']).map((route) => ({
      ...own,
      match: matchOf(objectAt(route, 'match')),
      action: actionOf(route),
      origin: originOf(route) || originOf(host),
    }));
    return routes.length === 0 ? [{ ...own, match: '', action: '404', origin: originOf(host) }] : routes;
  });
}

export const routesView: View = {
  kind: 'routes',
  filters: ['name', 'fqdn'],
  columns: [
    textColumn('NAME', 'name'),
    textColumn('VHOST NAME', 'virtualHost'),
    textColumn('DOMAINS', 'domains'),
    textColumn('MATCH', 'match'),
    textColumn('CLUSTER', 'action'),
    textColumn('FROM', 'origin'),
  ],
  rows: (resource, { name, fqdn }) =>
    rowsOf(resource).filter(
      (row) => isAsked(name, row['name']) && (fqdn === undefined || textOf(row['virtualHost']).replace(/:\d+$/, '') === fqdn),
    ),
};

/** Clusters in a table, as istioctl shows them. */
import { type JsonObject, objectAt, textOf } from '../json.ts';
import { clusterNameOf } from './cluster-name.ts';
import type { Dumped } from './dump.ts';
import { originOf } from './origin.ts';
import { isAsked, refusalText, textColumn, type View } from './view.ts';

function typeOf(body: JsonObject): string {
  const own = textOf(body['type']);
  // 0 is STATIC, which JSON leaves out
  return own || textOf(objectAt(body, 'cluster_type')['name']).replace('envoy.clusters.', '') || 'STATIC';
}

function rowOf({ name, state, error, body }: Dumped): JsonObject {
  const shown = state === 'refused' ? refusalText(error) : state;
  return { name, state: shown, ...clusterNameOf(name), type: typeOf(body), origin: originOf(body) };
}

export const clustersView: View = {
  kind: 'clusters',
  filters: ['fqdn', 'port', 'subset', 'direction', 'name'],
  columns: [
    textColumn('SERVICE FQDN', 'fqdn'),
    textColumn('PORT', 'port'),
    textColumn('SUBSET', 'subset'),
    textColumn('DIRECTION', 'direction'),
    textColumn('TYPE', 'type'),
    textColumn('STATE', 'state'),
    textColumn('FROM', 'origin'),
  ],
  rows: (resource, { fqdn, port, subset, direction, name }) =>
    [rowOf(resource)].filter(
      (row) =>
        isAsked(fqdn, row['fqdn']) &&
        isAsked(port === undefined ? undefined : String(port), row['port']) &&
        isAsked(subset, row['subset']) &&
        isAsked(direction, row['direction']) &&
        isAsked(name, row['name']),
    ),
};

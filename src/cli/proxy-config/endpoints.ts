/** Endpoints in a table: of every cluster's assignment those that the proxy has, with their health as the control plane said it. */
import { type JsonObject, objectAt, objectsOf, textOf } from '../json.ts';
import { addressOf } from './address.ts';
import { clusterNameOf } from './cluster-name.ts';
import type { Dumped } from './dump.ts';
import { isAsked, refusalText, textColumn, type View } from './view.ts';

function localityOf({ region, zone, sub_zone: subZone }: JsonObject): string {
  return [region, zone, subZone].map(textOf).join('/').replace(/\/+$/, '');
}

function rowsOf({ name, state, error, body }: Dumped): JsonObject[] {
  if (state === 'refused') return [{ endpoint: '', status: refusalText(error), locality: '', priority: '', weight: '', cluster: name }];
  return objectsOf(body['endpoints']).flatMap((group) =>
    objectsOf(group['lb_endpoints']).map((each) => {
      const { address, port } = addressOf(objectAt(each, 'endpoint', 'address'));
      return {
        endpoint: port === '' ? address : `${address}:${port}`,
        address,
        port,
        status: textOf(each['health_status']) || 'HEALTHY',
        locality: localityOf(objectAt(group, 'locality')),
        priority: textOf(group['priority']) || '0',
        weight: textOf(each['load_balancing_weight']) || '1',
        cluster: name,
      };
    }),
  );
}

function isOf(cluster: string, fqdn: string | undefined): boolean {
  return fqdn === undefined || clusterNameOf(cluster).fqdn === fqdn;
}

export const endpointsView: View = {
  kind: 'endpoints',
  filters: ['address', 'port', 'cluster', 'fqdn', 'status'],
  columns: [
    textColumn('ENDPOINT', 'endpoint'),
    textColumn('STATUS', 'status'),
    textColumn('LOCALITY', 'locality'),
    textColumn('PRIORITY', 'priority'),
    textColumn('WEIGHT', 'weight'),
    textColumn('CLUSTER', 'cluster'),
  ],
  rows: (resource, { address, port, cluster, fqdn, status }) =>
    rowsOf(resource).filter(
      (row) =>
        isAsked(address, row['address']) &&
        isAsked(port === undefined ? undefined : String(port), row['port']) &&
        isAsked(cluster, row['cluster']) &&
        isOf(textOf(row['cluster']), fqdn) &&
        isAsked(status?.toUpperCase(), row['status']),
    ),
};

/** The assignments that static clusters and those of names carry in themselves, beside those of EDS. */
export function inlineAssignments(resources: readonly Dumped[]): Dumped[] {
  const known = new Set(resources.filter(({ kind }) => kind === 'endpoints').map(({ name }) => name));
  const clusters = resources.filter(
    ({ kind, name, state, body }) => kind === 'clusters' && state !== 'refused' && !known.has(name) && 'load_assignment' in body,
  );
  return clusters.map((cluster): Dumped => ({ ...cluster, kind: 'endpoints', body: objectAt(cluster.body, 'load_assignment') }));
}

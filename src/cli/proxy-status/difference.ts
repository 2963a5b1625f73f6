/** What a proxy has beside what the control plane means it to have, resource by resource. */
import { fromBinary, type DescMessage, type JsonValue, toJson } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
import { unifiedDiff } from '../diff/unified.ts';
import { isObject, type JsonObject, keysSorted, rowsAt, textOf } from '../json.ts';
import { jsonText } from '../output.ts';
import type { Dump, Dumped } from '../proxy-config/dump.ts';
import { endpointsView } from '../proxy-config/endpoints.ts';

/** A resource as the control plane sends it. */
export interface Intended {
  readonly kind: Dumped['kind'];
  readonly name: string;
  readonly json: JsonObject;
}

export interface Difference {
  readonly kind: Dumped['kind'];
  readonly name: string;
  readonly what: 'missing' | 'unknown' | 'different' | 'refused';
  /** Why it was refused; '' for the others. */
  readonly reason: string;
  /** In the unified format, from the control plane's to the proxy's; '' where one side is not known. */
  readonly diff: string;
}

const SCHEMAS: Readonly<Record<string, DescMessage>> = {
  listeners: ListenerSchema,
  routes: RouteConfigurationSchema,
  clusters: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
};

const KINDS = ['listeners', 'routes', 'clusters', 'endpoints'] as const;

function jsonOf(schema: DescMessage, bytes: Uint8Array): JsonObject {
  const value: JsonValue = toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry, useProtoFieldName: true });
  return isObject(value) ? value : {};
}

/** The answer of `GET /api/proxies/<name>/resources`. Throws where it cannot be decoded. */
export function readIntended(answer: unknown): Intended[] {
  return rowsAt(answer, 'resources').flatMap((row) => {
    const kind = KINDS.find((each) => each === row['kind']);
    const schema = SCHEMAS[kind ?? ''];
    if (kind === undefined || schema === undefined) return [];
    return [{ kind, name: textOf(row['name']), json: jsonOf(schema, Buffer.from(textOf(row['bytes']), 'base64')) }];
  });
}

/** Envoy dumps endpoints as it holds them, with defaults filled in, so that only what they say is compared. */
function endpointsText(name: string, body: JsonObject): string {
  const rows = endpointsView.rows({ kind: 'endpoints', name, state: 'active', version: '', error: '', body }, {});
  const lines = rows.map((row) => ['endpoint', 'status', 'locality', 'priority', 'weight'].map((key) => textOf(row[key])).join(' '));
  return `${lines.toSorted().join('\n')}\n`;
}

function textOfMessage({ kind, name }: Intended, json: JsonObject): string {
  if (kind === 'endpoints') return endpointsText(name, json);
  // a dump adds its type to a message
  const { '@type': _, ...fields } = json;
  return jsonText(keysSorted(fields));
}

function compare(intended: Intended, actual: Dumped | undefined, isOnDemand: boolean): Difference[] {
  const { kind, name, json } = intended;
  if (actual === undefined) {
    // what traffic has not asked for yet is no difference: clusters, and routes of listeners that nothing has used
    const isLater = isOnDemand && kind !== 'listeners';
    return isLater ? [] : [{ kind, name, what: 'missing', reason: '', diff: '' }];
  }
  const title = `${kind} ${name}`;
  const diff = unifiedDiff(
    `control plane: ${title}`,
    `proxy: ${title}`,
    textOfMessage(intended, json),
    textOfMessage(intended, actual.body),
  );
  return diff === '' ? [] : [{ kind, name, what: 'different', reason: '', diff }];
}

function keyOf({ kind, name }: Pick<Dumped, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

/** Names of the clusters whose endpoints come by EDS: Envoy dumps the endpoints of all others with them. */
function edsClusters({ resources }: Dump): ReadonlySet<string> {
  return new Set(
    resources.flatMap(({ kind, name, state, body }) =>
      kind === 'clusters' && state !== 'refused' && body['type'] === 'EDS' ? [name] : [],
    ),
  );
}

/** All differences. Static resources and secrets are the proxy's own affair. */
export function differences(intended: readonly Intended[], dump: Dump, isOnDemand: boolean): Difference[] {
  const serving = new Map(
    dump.resources.filter(({ state }) => state === 'active' || state === 'warming').map((each) => [keyOf(each), each]),
  );
  const refused = dump.resources.filter(({ state }) => state === 'refused');
  const known = new Set(intended.map(keyOf));
  const byEds = edsClusters(dump);
  const isOurs = ({ kind, name }: Dumped): boolean => kind !== 'secrets' && (kind !== 'endpoints' || byEds.has(name));
  const unknown = [...serving.values()].filter((each) => !known.has(keyOf(each)) && isOurs(each));
  return [
    ...refused.map(({ kind, name, error }): Difference => ({ kind, name, what: 'refused', reason: error, diff: '' })),
    ...intended.flatMap((each) => compare(each, serving.get(keyOf(each)), isOnDemand)),
    ...unknown.map(({ kind, name }): Difference => ({ kind, name, what: 'unknown', reason: '', diff: '' })),
  ];
}

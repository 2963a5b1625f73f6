/** Provenance as Envoy metadata: every chain, virtual host, route and cluster says which line made it. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import type { Provenance } from '../../model/provenance.ts';
import { type Metadata, MetadataSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

/** The `tulle` metadata of one origin. */
export function provenanceJson(origin: Provenance): JsonObject {
  const { kind, namespace, name, file, line, field } = origin;
  return { kind, namespace, name, file, line, field };
}

/** Metadata with `tulle` provenance and, where given, Istio's keys and `others` by their namespaces. */
export function metadataOf(
  origin: Provenance | undefined,
  istio?: JsonObject,
  others: Readonly<Record<string, JsonObject>> = {},
): Metadata {
  const filterMetadata: Record<string, JsonObject> = { ...others };
  if (istio !== undefined) filterMetadata['istio'] = istio;
  if (origin !== undefined) filterMetadata['tulle'] = provenanceJson(origin);
  return create(MetadataSchema, { filterMetadata });
}

/** Says more in the `tulle` metadata of what has some. */
export function tellMore(message: { metadata?: Metadata | undefined }, fields: JsonObject): void {
  message.metadata ??= metadataOf(undefined);
  const { filterMetadata } = message.metadata;
  filterMetadata['tulle'] = { ...filterMetadata['tulle'], ...fields };
}

const KINDS: Readonly<Record<string, string>> = { VirtualService: 'virtual-service', DestinationRule: 'destination-rule' };

/** Istio's own reference to a resource, which its tools show; undefined for kinds that have none. */
export function istioConfigPath(origin: Provenance): string | undefined {
  const kind = KINDS[origin.kind];
  return kind === undefined ? undefined : `/apis/networking.istio.io/v1/namespaces/${origin.namespace}/${kind}/${origin.name}`;
}

/** Which EnvoyFilters made or changed something, in its metadata. */
import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import { type Metadata, MetadataSchema } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { metadataOf, provenanceJson } from '../provenance.ts';

/** What has metadata of its own. */
export interface Owner {
  metadata?: Metadata | undefined;
}

/** Says in `owner` that `patch` made it. */
export function markAdded(owner: Owner, patch: ConfigPatch): void {
  owner.metadata ??= create(MetadataSchema);
  const { filterMetadata } = metadataOf(patch.origin);
  owner.metadata.filterMetadata = { ...owner.metadata.filterMetadata, ...filterMetadata };
}

/** Says in `owner` that `patch` changed it, under `tulle.patches`. */
export function markChanged(owner: Owner, patch: ConfigPatch): void {
  owner.metadata ??= create(MetadataSchema);
  const { filterMetadata } = owner.metadata;
  const own = filterMetadata['tulle'] ?? {};
  const patches = Array.isArray(own['patches']) ? own['patches'] : [];
  const added = provenanceJson(patch.origin);
  if (patches.some((one) => isSame(one, added))) return;
  owner.metadata.filterMetadata = { ...filterMetadata, tulle: { ...own, patches: [...patches, added] } };
}

function isSame(one: JsonValue, other: JsonObject): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

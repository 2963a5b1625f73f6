/** Which EnvoyFilters made or changed something, in its metadata. */
import { create } from '@bufbuild/protobuf';
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import { type Metadata, MetadataSchema } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { metadataOf } from '../provenance.ts';

/** What has metadata of its own. */
export interface Owner {
  metadata?: Metadata | undefined;
}

/** `EnvoyFilter shop/limit (filters.yaml:12)`. */
export function patchText({ origin: { kind, namespace, name, file, line } }: ConfigPatch): string {
  return `${kind} ${namespace}/${name} (${file}:${line})`;
}

/** Says in `owner` that `patch` made it. */
export function markAdded(owner: Owner, patch: ConfigPatch): void {
  owner.metadata ??= create(MetadataSchema);
  const { filterMetadata } = metadataOf(patch.origin);
  owner.metadata.filterMetadata = { ...owner.metadata.filterMetadata, ...filterMetadata };
}

/** Says in `owner` that `patch` changed it. */
export function markChanged(owner: Owner, patch: ConfigPatch): void {
  owner.metadata ??= create(MetadataSchema);
  const { filterMetadata } = owner.metadata;
  const own = filterMetadata['tulle'] ?? {};
  const patches = Array.isArray(own['patches']) ? own['patches'] : [];
  const text = patchText(patch);
  if (!patches.includes(text)) owner.metadata.filterMetadata = { ...filterMetadata, tulle: { ...own, patches: [...patches, text] } };
}

import type { Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { isObject, textOf } from '../json.ts';
import type { Note, Source } from './explanation.ts';

/** The provenance that the control plane has left under `tulle`; undefined without. */
function sourceIn(value: unknown): Source | undefined {
  if (!isObject(value) || typeof value['file'] !== 'string' || typeof value['line'] !== 'number') return undefined;
  const { kind, namespace, name, field } = value;
  return {
    kind: textOf(kind),
    namespace: textOf(namespace),
    name: textOf(name),
    file: value['file'],
    line: value['line'],
    field: textOf(field),
  };
}

/** That of a resource's, chain's, virtual host's or route's metadata. */
export function sourceOf(metadata: Metadata | undefined): Source | undefined {
  return sourceIn(metadata?.filterMetadata['tulle']);
}

/** The EnvoyFilters that have changed it, as notes. */
export function changesOf(metadata: Metadata | undefined): readonly Note[] {
  const patches = metadata?.filterMetadata['tulle']?.['patches'];
  const sources = Array.isArray(patches) ? patches.flatMap((patch) => sourceIn(patch) ?? []) : [];
  return sources.map((source) => ({ text: 'changed by an EnvoyFilter', source }));
}

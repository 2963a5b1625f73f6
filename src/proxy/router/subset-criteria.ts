/** Which endpoints of a cluster a request asks for, by their metadata. Envoy: `metadata_match`, dynamic metadata `envoy.lb`. */
import type { Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { LB_NAMESPACE } from '../cluster/lb-metadata.ts';
import type { Downstream } from './downstream.ts';

/** Metadata by key. */
type Criteria = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Criteria {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What `metadata` asks for over what stands above it; undefined where both ask for nothing. */
export function compileCriteria(metadata: Metadata | undefined, above: Criteria | undefined): Criteria | undefined {
  const own = metadata?.filterMetadata[LB_NAMESPACE];
  return own === undefined ? above : { ...above, ...own };
}

/** What the route of a request asks for, and over it what filters have left. */
export function criteriaOf({ choice, info }: Pick<Downstream, 'choice' | 'info'>): Criteria | undefined {
  const dynamic = info.metadata.get(LB_NAMESPACE);
  return isRecord(dynamic) ? { ...choice?.criteria, ...dynamic } : choice?.criteria;
}

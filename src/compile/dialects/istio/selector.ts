import type { LabelSelector } from '../../../model/match.ts';
import { defaulted, object, optional, unsupported, type Infer } from '../../schema/schema.ts';
import { labelsSchema } from '../metadata.ts';

/** Workloads by labels. */
export const selectorSchema = object({
  matchLabels: defaulted(labelsSchema, {}, 'Labels that a workload must have; none: every workload.'),
  matchExpressions: unsupported('error', 'Conditions on labels beyond equality.'),
});

/** The selector of a policy; used by all kinds that are for a namespace, or the mesh, where they have none. */
export const selectorField = optional(
  selectorSchema,
  'Workloads that it is for; all of the namespace where absent, all of the mesh in the root namespace.',
);

/** The selector in the model; one without labels is none. */
export function lowerSelector(written: Infer<typeof selectorSchema> | undefined): LabelSelector | undefined {
  return written === undefined || Object.keys(written.matchLabels).length === 0 ? undefined : written.matchLabels;
}

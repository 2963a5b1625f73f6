import { defaulted, list, string } from '../schema/schema.ts';

/** Where a resource is seen; used by VirtualService, DestinationRule and ServiceEntry. */
export const exportToField = defaulted(
  list(string({ format: 'visibility' })),
  [],
  'Namespaces that see it: "." its own, "*" all (the default), "~" none, or names.',
);

/** Stands for a list that was not written: MeshConfig says who sees those, everybody where it does not either. */
export const NOT_SAID: readonly string[] = ['*'];

/** The list as written, or {@link NOT_SAID}. */
export function visibilityOf(exportTo: readonly string[]): readonly string[] {
  return exportTo.length === 0 ? NOT_SAID : exportTo;
}

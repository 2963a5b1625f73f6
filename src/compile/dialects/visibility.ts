import { defaulted, list, string } from '../schema/schema.ts';

/** Where a resource is seen; used by VirtualService, DestinationRule and ServiceEntry. */
export const exportToField = defaulted(
  list(string({ format: 'visibility' })),
  [],
  'Namespaces that see it: "." its own, "*" all (the default), "~" none, or names.',
);

/** An empty list is seen everywhere. */
export function visibilityOf(exportTo: readonly string[]): readonly string[] {
  return exportTo.length === 0 ? ['*'] : exportTo;
}

import { defaulted, map, object, optional, required, string, unsupported } from '../schema/schema.ts';

/** Labels as Kubernetes has them. */
export const labelsSchema = map(string({ format: 'label-value', mayBeEmpty: true }), 'label-key');

/** A resource's name and what hangs on it. */
export const metadataSchema = object({
  name: required(string({ format: 'name' }), 'Name, unique for the kind in its namespace.'),
  namespace: defaulted(string({ format: 'dns-label' }), 'default', 'Namespace that the resource belongs to.'),
  labels: defaulted(labelsSchema, {}, 'Labels that selectors match.'),
  annotations: defaulted(map(string({ mayBeEmpty: true })), {}, 'Notes for programs; those that mean something are named with each kind.'),
  creationTimestamp: optional(string({ format: 'timestamp' }), 'When it was made; decides which of two rivals is the older.'),
  uid: unsupported('none', 'Kubernetes writes it.'),
  resourceVersion: unsupported('none', 'Kubernetes writes it.'),
  generation: unsupported('none', 'Kubernetes writes it.'),
  generateName: unsupported('none', 'Kubernetes makes names of it.'),
  managedFields: unsupported('none', 'Kubernetes writes it.'),
  ownerReferences: unsupported('none', 'Kubernetes cleans up by it.'),
  finalizers: unsupported('none', 'Kubernetes cleans up by it.'),
  deletionTimestamp: unsupported('none', 'Kubernetes writes it.'),
  deletionGracePeriodSeconds: unsupported('none', 'Kubernetes writes it.'),
  selfLink: unsupported('none', 'Kubernetes wrote it.'),
});

import { unsupported } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';

/** Kubernetes Namespace: its labels. */
export const namespace = defineDialect({
  kind: 'Namespace',
  apiVersions: ['v1'],
  isNamespaced: false,
  description: 'A namespace and its labels.',
  fields: { spec: unsupported('none', 'Finalizers, for Kubernetes.') },
  lower: (_body, { name, labels }) => ({ kind: 'namespace', value: { name, labels } }),
});

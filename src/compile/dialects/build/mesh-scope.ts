/** What MeshConfig says of resources as a whole: which namespaces belong to the mesh, and who sees what does not say. */
import { selects } from '../../../model/match.ts';
import { defaultMeshSettings, type MeshSettings, type Namespace, type NamespaceSelector } from '../../../model/mesh.ts';
import { memoised } from '../../emit/memo.ts';
import type { Resource } from '../dialect.ts';
import type { Part } from '../part.ts';
import { NOT_SAID } from '../visibility.ts';

/** Kubernetes gives every namespace its name as a label. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

function fits({ labels, expressions }: NamespaceSelector, own: Namespace['labels']): boolean {
  if (!selects(labels, own)) return false;
  return expressions.every(({ key, operator, values }) => {
    const value = own[key];
    const isAmong = value !== undefined && values.includes(value);
    if (operator === 'In') return isAmong;
    if (operator === 'NotIn') return !isAmong;
    return (value !== undefined) === (operator === 'Exists');
  });
}

/** Resources of the namespaces that belong to the mesh, and what runs in others: its proxies know of none of their services. */
export function withinMesh(resources: readonly Resource[], { discoverySelectors, domainSuffix }: MeshSettings): readonly Resource[] {
  if (discoverySelectors.length === 0) return resources;
  const labels = new Map<string, Namespace['labels']>();
  for (const resource of resources) {
    const part = resource.kind === 'Namespace' ? resource.part(domainSuffix) : undefined;
    if (part?.kind === 'namespace') labels.set(part.value.name, part.value.labels);
  }
  const belongs = (name: string): boolean => {
    const own = { ...labels.get(name), [NAME_LABEL]: name };
    return discoverySelectors.some((selector) => fits(selector, own));
  };
  return resources.filter(({ kind, namespace }) => namespace === '' || kind === 'Workload' || belongs(namespace));
}

type DefaultExportTo = MeshSettings['defaultExportTo'];

const EVERYBODY = JSON.stringify(defaultMeshSettings.defaultExportTo);

/** Remembered, so that what stays the same is the same object here, too. */
const seenBy = memoised((part: Part, exportTo: DefaultExportTo): Part => {
  const over = <T extends { readonly exportTo: readonly string[] }>(own: T, said: readonly string[]): T =>
    own.exportTo === NOT_SAID ? { ...own, exportTo: said } : own;
  switch (part.kind) {
    case 'services':
      return { ...part, value: part.value.map((one) => ({ ...one, service: over(one.service, exportTo.services) })) };
    case 'routes':
      return { ...part, value: over(part.value, exportTo.routes) };
    case 'delegating-routes':
      return { ...part, value: { ...part.value, route: over(part.value.route, exportTo.routes) } };
    case 'destination-policy':
      return { ...part, value: over(part.value, exportTo.policies) };
    default:
      return part;
  }
});

/** What `settings` make of parts: who sees those that do not say by whom. */
export function visibilityIn({ defaultExportTo }: MeshSettings): (part: Part) => Part {
  return JSON.stringify(defaultExportTo) === EVERYBODY ? (part) => part : (part) => seenBy(part, defaultExportTo);
}

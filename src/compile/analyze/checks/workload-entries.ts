/** WorkloadEntries that no service selects. */
import type { Check } from '../finding.ts';

export const workloadEntries: Check = {
  name: 'workload-entries',
  looksAt: ['WorkloadEntry', 'Service', 'ServiceEntry'],
  codes: ['TUL235'],
  run({ mesh, documents, refused }, say) {
    const origins = mesh.services.flatMap(({ endpoints }) => endpoints.map(({ origin }) => origin));
    const serving = new Set(origins.flatMap(({ kind, namespace, name }) => (kind === 'WorkloadEntry' ? [`${namespace}/${name}`] : [])));
    for (const document of documents.ofKinds('WorkloadEntry')) {
      const { namespace, name, key } = document;
      if (refused.has(key) || serving.has(`${namespace}/${name}`)) continue;
      const message = `no Service and no ServiceEntry of namespace ${namespace} selects its labels: nobody calls it by a name`;
      say('TUL235', document.originOf('spec.labels'), message);
    }
  },
};

import { type KeySource, keySourceOf, serviceOfUrl } from '../../model/key-set.ts';
import type { Mesh } from '../../model/mesh.ts';

/** Where the control plane fetches keys for a mesh; those at services of the mesh are fetched by proxies. */
export function wantedKeys({ requestAuthentications, services }: Pick<Mesh, 'requestAuthentications' | 'services'>): readonly KeySource[] {
  const wanted = new Map<string, KeySource>();
  for (const { rules } of requestAuthentications) {
    for (const rule of rules) {
      const source = keySourceOf(rule);
      if (source === undefined || !URL.canParse(source.url)) continue;
      if (!source.isDiscovery && serviceOfUrl(source.url, services) !== undefined) continue;
      const timeoutMs = Math.max(source.timeoutMs, wanted.get(source.url)?.timeoutMs ?? 0);
      wanted.set(source.url, { ...source, timeoutMs });
    }
  }
  return [...wanted.values()];
}

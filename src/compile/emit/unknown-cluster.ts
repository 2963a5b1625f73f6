/** Where calls go whose destination a proxy does not know. */
import { BLACK_HOLE, outboundCluster, PASSTHROUGH } from './names.ts';
import type { Scope } from './scope.ts';

/** The cluster for unknown destinations: where they were dialled, a Sidecar's egressProxy, or nowhere. */
export function unknownCluster({ outbound: { mode, egressProxy } }: Pick<Scope, 'outbound'>): string {
  if (mode === 'REGISTRY_ONLY') return BLACK_HOLE;
  return egressProxy === undefined ? PASSTHROUGH : outboundCluster(egressProxy.port ?? 0, egressProxy.subset ?? '', egressProxy.host);
}

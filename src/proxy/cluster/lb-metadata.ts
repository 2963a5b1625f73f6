import { metadataAt } from '../telemetry/metadata-path.ts';
import type { Host } from './cluster.ts';

/** Envoy's namespace of metadata that balancing goes by. */
export const LB_NAMESPACE = 'envoy.lb';

/** Whether a host's metadata says that it is a canary. */
export function isCanary({ metadata }: Pick<Host, 'metadata'>): boolean {
  const own = metadata[LB_NAMESPACE];
  return own !== undefined && metadataAt(own, ['canary']) === true;
}

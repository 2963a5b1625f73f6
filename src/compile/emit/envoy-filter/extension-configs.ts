/**
 * EXTENSION_CONFIG: the configuration that a filter with `config_discovery` asks for by its name. It is put into the
 * filter, so that no proxy has to ask.
 */
import { TypedExtensionConfigSchema } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { isAdd } from '../../envoy/operations.ts';
import { valueOf } from './patches.ts';
import type { Site } from './site.ts';
import type { Configured } from './typed-config.ts';

/** Gives a filter what an EXTENSION_CONFIG of its name has; true where there is one. */
export function fillIn(filter: Configured, { patches, tell }: Pick<Site, 'patches' | 'tell'>): boolean {
  if (filter.configType.case !== 'configDiscovery') return false;
  for (const patch of patches.byKind.get('EXTENSION_CONFIG') ?? []) {
    if (!isAdd(patch.operation)) continue;
    const value = valueOf(patch, TypedExtensionConfigSchema);
    if (value?.name !== filter.name || value.typedConfig === undefined) continue;
    filter.configType = { case: 'typedConfig', value: value.typedConfig };
    tell?.(patch);
    return true;
  }
  return false;
}

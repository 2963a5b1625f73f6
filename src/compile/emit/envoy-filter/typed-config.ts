/** Configurations of extensions, which are in Anys: merged by their type. */
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { typeRegistry } from '../../../xds/type-registry.ts';
import { typeNameOf } from '../../envoy/patch-value.ts';
import { mergeInto } from './merge.ts';

/** The `config_type` of a named extension: filters of all kinds, transport sockets. */
export interface Configured {
  name: string;
  configType: { case: 'typedConfig'; value: Any } | { case: 'configDiscovery'; value: unknown } | { case: undefined; value?: undefined };
}

/** `target` with `source` merged in, by their type; undefined where they are of two types, or of one that is not ours. */
function mergedAny(target: Any, source: Any): Any | undefined {
  const typeName = typeNameOf(target.typeUrl);
  const desc = typeRegistry.getMessage(typeName);
  if (desc === undefined || typeNameOf(source.typeUrl) !== typeName) return undefined;
  const message: Message = fromBinary(desc, target.value);
  mergeInto(desc, message, fromBinary(desc, source.value), 'append');
  return { ...target, value: toBinary(desc, message) };
}

/** Merges the configuration of `added` into that of `target`; false where there is nothing that could be merged. */
export function mergeConfig(target: Pick<Configured, 'configType'>, added: Pick<Configured, 'configType'>): boolean {
  if (target.configType.case !== 'typedConfig' || added.configType.case !== 'typedConfig') return false;
  const merged = mergedAny(target.configType.value, added.configType.value);
  if (merged === undefined) return false;
  target.configType = { case: 'typedConfig', value: merged };
  return true;
}

/** Messages in Anys: read, changed, and packed again. */
import { type DescMessage, fromBinary, isMessage, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { typeRegistry } from '../../../xds/type-registry.ts';
import { typeNameOf } from '../../envoy/patch-value.ts';
import { mergeInto } from './merge.ts';

/** The `config_type` of a named extension: filters of all kinds, transport sockets. */
export interface Configured {
  name: string;
  configType: { case: 'typedConfig'; value: Any } | { case: 'configDiscovery'; value: unknown } | { case: undefined; value?: undefined };
}

/** The message in an Any where it is one of `desc`. */
export function unpack<Desc extends DescMessage>(any: Any, desc: Desc): MessageShape<Desc> | undefined {
  if (typeNameOf(any.typeUrl) !== desc.typeName) return undefined;
  const message = fromBinary(desc, any.value);
  return isMessage(message, desc) ? message : undefined;
}

/** An Any that holds `message`. */
export function packed<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): Any {
  return anyPack(desc, message);
}

/**
 * `target` with `source` merged in, by their type. Where they are of two types, or of one that is not ours, there is
 * nothing to merge: undefined.
 */
export function mergedAny(target: Any, source: Any): Any | undefined {
  const typeName = typeNameOf(target.typeUrl);
  const desc = typeRegistry.getMessage(typeName);
  if (desc === undefined || typeNameOf(source.typeUrl) !== typeName) return undefined;
  const message: Message = fromBinary(desc, target.value);
  mergeInto(desc, message, fromBinary(desc, source.value), 'append');
  return { ...target, value: toBinary(desc, message) };
}

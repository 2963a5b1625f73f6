/**
 * The name of a resource read from its bytes. Every xDS resource has its name in field 1 (Cluster, Listener,
 * RouteConfiguration, VirtualHost, Secret: `name`; ClusterLoadAssignment: `cluster_name`), so no type need be decoded.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ConfigError } from '../core/errors.ts';

/** Returns the name, '' where the resource has none. Throws ConfigError where the bytes are not a protobuf message. */
export function resourceName(bytes: Uint8Array): string {
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1 && wireType === WireType.LengthDelimited) return reader.string();
      reader.skip(wireType, field);
    }
    return '';
  } catch (cause) {
    throw new ConfigError('', 'the resource is not a protobuf message', { cause });
  }
}

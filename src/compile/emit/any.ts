/** Short forms for the shapes that Envoy's API repeats everywhere: packed extensions, durations, addresses, percentages. */
import { create, type DescMessage, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack, type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { type Address, AddressSchema, type CidrRange, CidrRangeSchema } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type ConfigSource, ConfigSourceSchema, ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type FractionalPercent,
  FractionalPercentSchema,
  FractionalPercent_DenominatorType,
} from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { TypedStructSchema } from '../../xds/gen/udpa/type/v1/typed_struct_pb.ts';
import { ConfigError } from '../../core/errors.ts';

/** A message as `google.protobuf.Any`. */
export function pack<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init));
}

/** A named extension: fits filters, HTTP filters, listener filters, transport sockets and access loggers. */
export interface Extension {
  name: string;
  configType: { case: 'typedConfig'; value: Any };
}

/** The extension `name` with its configuration. */
export function extension<Desc extends DescMessage>(name: string, schema: Desc, init: MessageInitShape<Desc>): Extension {
  return { name, configType: { case: 'typedConfig', value: pack(schema, init) } };
}

/** An extension whose configuration type is not compiled into us: a `udpa.type.v1.TypedStruct` of `typeUrl`. */
export function structExtension(name: string, typeUrl: string, value: JsonObject): Extension {
  return extension(name, TypedStructSchema, { typeUrl, value });
}

/** Milliseconds as `google.protobuf.Duration`. */
export function duration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** As `duration`, undefined staying undefined. */
export function durationOf(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : duration(ms);
}

/** A TCP address, or the pipe that `unix://` names. */
export function address(host: string, port: number): Address {
  if (host.startsWith('unix://'))
    return create(AddressSchema, { address: { case: 'pipe', value: { path: host.slice('unix://'.length) } } });
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } },
  });
}

/** `10.0.0.0/8` or a single address as a range; `path` names the field in the error for anything else. */
export function cidr(text: string, path: string): CidrRange {
  const [prefix = '', length] = text.split('/');
  const bits = prefix.includes(':') ? 128 : 32;
  const prefixLen = length === undefined ? bits : Number(length);
  if (!isIp(prefix) || !Number.isInteger(prefixLen) || prefixLen < 0 || prefixLen > bits) {
    throw new ConfigError(path, `${JSON.stringify(text)} is not an IP address or CIDR`);
  }
  return create(CidrRangeSchema, { addressPrefix: prefix, prefixLen });
}

/** True for the text of an IPv4 or IPv6 address. */
export function isIp(text: string): boolean {
  if (text.includes(':')) return /^[0-9a-fA-F:.]+$/.test(text);
  return /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text);
}

/** Percent, up to four decimals, as parts of a million. */
export function fraction(percent: number): FractionalPercent {
  return create(FractionalPercentSchema, {
    numerator: Math.round(percent * 10_000),
    denominator: FractionalPercent_DenominatorType.MILLION,
  });
}

/** "Ask for it on the aggregated stream", without a limit on waiting. */
export function overAds(): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: 'ads', value: {} },
    initialFetchTimeout: duration(0),
    resourceApiVersion: ApiVersion.V3,
  });
}

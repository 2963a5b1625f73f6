/** Parts of `Http1ProtocolOptions` that take more than reading a field. Source: Envoy, config.core.v3.Http1ProtocolOptions. */
import { ConfigError } from '../../core/errors.ts';
import type { Http1ProtocolOptions } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { PreserveCaseFormatterConfigSchema } from '../../xds/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import { compileStringMatcher, type TextTest } from '../router/matchers.ts';

/** `ignore_http_11_upgrade`. */
export function readIgnoredUpgrades(options: Http1ProtocolOptions | undefined, path: string): readonly TextTest[] {
  return (options?.ignoreHttp11Upgrade ?? []).map((matcher, i) => compileStringMatcher(matcher, `${path}.ignore_http_11_upgrade[${i}]`));
}

/**
 * `header_key_format`: true where names are to be written Like-This. Names that a peer has written keep their case
 * anyway, which is all that the preserve_case formatter asks for.
 */
export function readKeyFormat(options: Http1ProtocolOptions | undefined, path: string): boolean {
  const format = options?.headerKeyFormat?.headerFormat;
  if (format?.case === 'properCaseWords') return true;
  if (format?.case !== 'statefulFormatter') return false;
  const at = `${path}.header_key_format.stateful_formatter`;
  const any = format.value.typedConfig;
  if (any === undefined || typeNameOf(any) !== PreserveCaseFormatterConfigSchema.typeName)
    throw new ConfigError(at, `${format.value.name} is not supported by Tulle`);
  decodeTyped(any, PreserveCaseFormatterConfigSchema, `${at}.typed_config`);
  return false;
}

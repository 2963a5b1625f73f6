/** Where attributes of a resource come from that OTLP is told of: spans' and metrics' alike. Source: Envoy, `resource_detectors`. */
import { ConfigError } from '../../core/errors.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { EnvironmentResourceDetectorConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.ts';
import { StaticConfigResourceDetectorConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';

/** `key=value,key=value` with values encoded as in baggage. Source: OpenTelemetry, OTEL_RESOURCE_ATTRIBUTES. */
function fromEnvironment(path: string): Record<string, string> {
  const pairs = (process.env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals === -1) throw new ConfigError(path, `OTEL_RESOURCE_ATTRIBUTES has ${JSON.stringify(pair)}, which is no key=value`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

function detect({ name, typedConfig }: TypedExtensionConfig, path: string): Readonly<Record<string, string>> {
  switch (typedConfig === undefined ? '' : typeNameOf(typedConfig)) {
    case EnvironmentResourceDetectorConfigSchema.typeName:
      return fromEnvironment(path);
    case StaticConfigResourceDetectorConfigSchema.typeName:
      return decodeTyped(typedConfig, StaticConfigResourceDetectorConfigSchema, `${path}.typed_config`).attributes;
    default:
      throw new ConfigError(path, `resource detector ${name} is not supported by Tulle; environment and static_config are`);
  }
}

/** Attributes that `detectors` find, later ones before earlier ones. `path` is theirs. Throws ConfigError for one that Tulle does not have. */
export function detectResource(detectors: readonly TypedExtensionConfig[], path: string): Record<string, string> {
  return Object.assign({}, ...detectors.map((each, i) => detect(each, `${path}[${i}]`)));
}

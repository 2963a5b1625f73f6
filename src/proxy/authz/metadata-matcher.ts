/** Matchers of metadata values. Source: Envoy, envoy.type.matcher.v3 MetadataMatcher and ValueMatcher. */
import type { JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { MetadataMatcher } from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import type { DoubleMatcher } from '../../xds/gen/envoy/type/matcher/v3/number_pb.ts';
import type { ValueMatcher } from '../../xds/gen/envoy/type/matcher/v3/value_pb.ts';
import { compileStringMatcher } from '../router/matchers.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';

/** Undefined: nothing is there. */
type ValueTest = (value: JsonValue | undefined) => boolean;

function compileDouble({ matchPattern: pattern }: DoubleMatcher, path: string): ValueTest {
  if (pattern.case === 'exact') return (value) => value === pattern.value;
  if (pattern.case === undefined) throw new ConfigError(path, 'says neither exact nor range');
  const { start, end } = pattern.value;
  return (value) => typeof value === 'number' && value >= start && value < end;
}

function compileValue({ matchPattern: pattern }: ValueMatcher, path: string): ValueTest {
  switch (pattern.case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'presentMatch':
      return (value) => (value !== undefined) === pattern.value;
    case 'boolMatch':
      return (value) => value === pattern.value;
    case 'doubleMatch':
      return compileDouble(pattern.value, `${path}.double_match`);
    case 'stringMatch': {
      const matches = compileStringMatcher(pattern.value, `${path}.string_match`);
      return (value) => typeof value === 'string' && matches(value);
    }
    case 'listMatch': {
      const { matchPattern: item } = pattern.value;
      if (item.case === undefined) throw new ConfigError(`${path}.list_match.one_of`, 'is missing');
      const matches = compileValue(item.value, `${path}.list_match.one_of`);
      return (value) => Array.isArray(value) && value.some(matches);
    }
    case 'orMatch': {
      const tests = pattern.value.valueMatchers.map((inner, i) => compileValue(inner, `${path}.or_match.value_matchers[${i}]`));
      return (value) => tests.some((test) => test(value));
    }
    case undefined:
      throw new ConfigError(path, 'says nothing to match');
  }
}

/** A test of a namespace's metadata (plain JSON, undefined where there is none). */
export function compileMetadataMatcher(matcher: MetadataMatcher, path: string): (metadata: unknown) => boolean {
  const keys = matcher.path.map(({ segment }, i) => {
    if (segment.case === undefined) throw new ConfigError(`${path}.path[${i}].key`, 'is missing');
    return segment.value;
  });
  if (matcher.value === undefined) throw new ConfigError(`${path}.value`, 'is missing');
  const matches = compileValue(matcher.value, `${path}.value`);
  return (metadata) => matches(metadataAt(metadata, keys)) !== matcher.invert;
}

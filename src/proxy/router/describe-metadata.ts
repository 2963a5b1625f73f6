/** Matchers of metadata in words, for whoever asks why one does not match. Cold: a proxy never loads it. */
import type { MetadataMatcher } from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import type { ValueMatcher } from '../../xds/gen/envoy/type/matcher/v3/value_pb.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';
import { describeString } from './describe-matchers.ts';

/** What a value must be, all of the ways that it may. */
function valueTexts({ matchPattern: pattern }: ValueMatcher): readonly string[] {
  if (pattern.case === 'orMatch') return pattern.value.valueMatchers.flatMap(valueTexts);
  if (pattern.case === 'stringMatch') return [describeString(pattern.value)];
  // a list is as good as the item of it that matches
  if (pattern.case === 'listMatch' && pattern.value.matchPattern.case === 'oneOf') return valueTexts(pattern.value.matchPattern.value);
  return ['a value'];
}

const CLAIMS = 'envoy.filters.http.jwt_authn.payload.';

/** A value that a filter has left, claims of tokens by their own names. */
export function describeMetadata(
  { filter, path, value }: MetadataMatcher,
  metadata: ReadonlyMap<string, unknown> | undefined,
): { readonly what: string; readonly wants: string; readonly has: string | undefined } {
  const keys = path.map(({ segment }) => segment.value ?? '');
  const name = [filter, ...keys].join('.');
  const has = metadataAt(metadata?.get(filter), keys);
  return {
    what: name.startsWith(CLAIMS) ? `claim ${name.slice(CLAIMS.length)}` : `metadata ${name}`,
    wants: value === undefined ? 'a value' : [...new Set(valueTexts(value))].join(' or '),
    has: typeof has === 'string' || has === undefined ? has : JSON.stringify(has),
  };
}

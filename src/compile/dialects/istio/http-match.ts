import type { HttpMatch } from '../../../model/route.ts';
import { PLACE } from '../../schema/located.ts';
import { bool, defaulted, map, object, optional, string, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { callMatchFields, lowerCallMatch } from './call-match.ts';
import { lowerNamedMatches, lowerOptionalMatch, presenceMatchSchema, stringMatchSchema } from './string-match.ts';

const headerMatches = map(presenceMatchSchema, 'matched-header');

/** Conditions of an HTTP rule, all of which must hold. */
export const httpMatchSchema = object({
  name: defaulted(string({ mayBeEmpty: true }), '', 'Appended to the name of the route.'),
  uri: optional(stringMatchSchema, 'Path.'),
  ignoreUriCase: defaulted(bool, false, 'Whether upper and lower case of the path are the same; not for regex.'),
  scheme: optional(stringMatchSchema, 'Scheme of the URI.'),
  method: optional(stringMatchSchema, 'Method.'),
  authority: optional(stringMatchSchema, 'Host header or :authority.'),
  headers: defaulted(headerMatches, {}, 'Headers that must match; {} asks that one is there.'),
  withoutHeaders: defaulted(headerMatches, {}, 'Headers that must not match; {} asks that one is not there.'),
  queryParams: defaulted(map(presenceMatchSchema), {}, 'Parameters of the query.'),
  ...callMatchFields,
  statPrefix: defaulted(string({ mayBeEmpty: true }), '', 'Name for statistics of the route.'),
});

/** Names that have conditions of their own and do nothing under `headers`. */
const NOT_HEADERS = ['uri', 'scheme', 'method', 'authority'];

function check(written: Infer<typeof httpMatchSchema>, lowering: Lowering): void {
  if (written[PLACE].fields.size === 0) {
    lowering.error('TUL021', written, '', 'the match is empty: leave match out to match every request');
  }
  if (written.ignoreUriCase && written.uri?.regex !== undefined) {
    lowering.warning('TUL020', written, 'ignoreUriCase', 'ignoreUriCase has no effect on a regex: begin it with (?i)');
  }
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const name of Object.keys(written[field])) {
      if (NOT_HEADERS.includes(name)) {
        lowering.error('TUL020', written, field, `"${name}" is no header: write it as match.${name} beside ${field}`);
      }
    }
  }
}

/** The conditions in the model. */
export function lowerHttpMatch(written: Infer<typeof httpMatchSchema>, lowering: Lowering): HttpMatch {
  check(written, lowering);
  // names of claims count as they are written
  const lowerCase = (name: string): string => (name.startsWith('@') ? name : name.toLowerCase());
  return {
    name: written.name,
    uri: lowerOptionalMatch(written.uri),
    ignoreUriCase: written.ignoreUriCase,
    scheme: lowerOptionalMatch(written.scheme),
    method: lowerOptionalMatch(written.method),
    authority: lowerOptionalMatch(written.authority),
    headers: lowerNamedMatches(written.headers, lowerCase),
    withoutHeaders: lowerNamedMatches(written.withoutHeaders, lowerCase),
    queryParams: lowerNamedMatches(written.queryParams),
    ...lowerCallMatch(written, lowering),
    statPrefix: written.statPrefix,
    origin: lowering.originOf(written),
  };
}

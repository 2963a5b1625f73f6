import type { PathMatch, StringMatch } from '../../../model/match.ts';
import { object, optional, string, type Infer } from '../../schema/schema.ts';

const fields = {
  exact: optional(string({ mayBeEmpty: true }), 'The whole value.'),
  prefix: optional(string(), 'What the value begins with.'),
  regex: optional(string({ format: 'regex' }), 'RE2 expression for the whole value.'),
};

/** One of exact, prefix, regex. */
export const stringMatchSchema = object(fields, [{ kind: 'exactly-one', fields: Object.keys(fields) }]);

/** The same; `{}` asks only that the value is there. */
export const presenceMatchSchema = object(fields, [{ kind: 'at-most-one', fields: Object.keys(fields) }]);

/** The match in the model. */
export function lowerStringMatch({ exact, prefix, regex }: Infer<typeof presenceMatchSchema>): PathMatch {
  if (exact !== undefined) return { kind: 'exact', value: exact };
  if (prefix !== undefined) return { kind: 'prefix', value: prefix };
  if (regex !== undefined) return { kind: 'regex', value: regex };
  return { kind: 'present' };
}

/** The same for a field that may be absent. */
export function lowerOptionalMatch(match: Infer<typeof stringMatchSchema> | undefined): PathMatch | undefined {
  return match === undefined ? undefined : lowerStringMatch(match);
}

/** Matches by name; header names are compared in lower case. */
export function lowerNamedMatches(
  matches: Readonly<Record<string, Infer<typeof presenceMatchSchema>>>,
  toName: (name: string) => string = (name) => name,
): readonly (readonly [name: string, match: StringMatch])[] {
  return Object.entries(matches).map(([name, match]) => [toName(name), lowerStringMatch(match)]);
}

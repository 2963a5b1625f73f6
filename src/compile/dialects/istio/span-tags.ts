import type { SpanTag, SpanTags } from '../../../model/telemetry.ts';
import type { Located } from '../../schema/located.ts';
import { defaulted, map, object, optional, required, string, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

const named = (what: string) =>
  object({
    name: required(string(), `Name of the ${what}.`),
    defaultValue: defaulted(string({ mayBeEmpty: true }), '', 'Value where there is none; without one the tag is left out.'),
  });

const tagSchema = object(
  {
    literal: optional(object({ value: required(string(), 'The value.') }), 'The same value always.'),
    environment: optional(named("variable of the proxy's environment"), "A variable of the proxy's environment."),
    header: optional(named('header'), 'A header of the request.'),
    formatter: optional(
      object({ value: required(string({ format: 'log-format' }), 'Text with operators such as %REQ(:PATH)%.') }),
      "Text with Envoy's operators.",
    ),
  },
  [{ kind: 'exactly-one', fields: ['literal', 'environment', 'header', 'formatter'] }],
);

/** Tags of spans, by name. */
export const spanTagsSchema = map(tagSchema);

function lowerTag(written: Infer<typeof tagSchema>): SpanTag | undefined {
  const { literal, environment, header, formatter } = written;
  if (literal !== undefined) return { from: 'literal', value: literal.value };
  if (environment !== undefined) return { from: 'environment', name: environment.name, defaultValue: environment.defaultValue };
  if (header !== undefined) return { from: 'header', name: header.name, defaultValue: header.defaultValue };
  return formatter && { from: 'formatter', value: formatter.value };
}

/** The tags in the model. */
export function lowerSpanTags(
  written: Infer<typeof spanTagsSchema>,
  owner: Located,
  path: string,
  lowering: Pick<Lowering, 'error'>,
): SpanTags {
  const tags: Record<string, SpanTag> = {};
  for (const [name, tag] of Object.entries(written)) {
    if (name === '') lowering.error('TUL013', owner, path, 'a tag has no name');
    const lowered = lowerTag(tag);
    if (lowered !== undefined) tags[name] = lowered;
  }
  return tags;
}

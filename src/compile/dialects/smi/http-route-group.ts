/** SMI HTTPRouteGroup: named requests, for the `matches` of a TrafficSplit of the same namespace. */
import { ANY_REQUEST, type HttpMatch } from '../../../model/route.ts';
import { defaulted, list, map, object, optional, required, string, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import type { Part } from '../part.ts';

const matchSchema = object({
  name: required(string(), 'Name of the requests in the group.'),
  pathRegex: optional(string({ format: 'regex' }), 'RE2 expression that the path must begin with.'),
  methods: defaulted(list(string({ format: 'method' })), [], 'Methods; none or "*": every one.'),
  headers: defaulted(
    list(map(string({ format: 'regex' }), 'header-name')),
    [],
    'Headers, each with an RE2 expression for its whole value; all must match.',
  ),
});

const matchesField = required(list(matchSchema, 1), 'Requests; a split is for those that any of them describes.');

function methodOf(methods: readonly string[]): HttpMatch['method'] {
  const [only] = methods;
  if (only === undefined || methods.includes('*')) return undefined;
  if (methods.length === 1) return { kind: 'exact', value: only };
  // of the characters of a method . * + ^ $ | mean something in an expression
  return { kind: 'regex', value: methods.map((method) => method.replaceAll(/[.*+^$|]/g, String.raw`\$&`)).join('|') };
}

function lowerMatch(written: Infer<typeof matchSchema>, lowering: Lowering): HttpMatch {
  return {
    ...ANY_REQUEST,
    name: written.name,
    // SMI anchors the expression at the beginning of the path only, Envoy at both ends.
    uri: written.pathRegex === undefined ? undefined : { kind: 'regex', value: `(?:${written.pathRegex}).*` },
    method: methodOf(written.methods),
    headers: written.headers.flatMap((headers) =>
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), { kind: 'regex' as const, value }] as const),
    ),
    origin: lowering.originOf(written),
  };
}

function lowerGroup(matches: readonly Infer<typeof matchSchema>[], lowering: Lowering): Part {
  const { name, namespace } = lowering;
  return { kind: 'match-group', value: { name, namespace, matches: matches.map((match) => lowerMatch(match, lowering)) } };
}

const KIND = 'HTTPRouteGroup';
const DESCRIPTION = 'Requests by path, method and headers, for TrafficSplits to name.';

/** SMI HTTPRouteGroup before v1alpha3, which has its matches beside metadata. */
export const httpRouteGroupWithoutSpec = defineDialect({
  kind: KIND,
  apiVersions: ['specs.smi-spec.io/v1alpha2', 'specs.smi-spec.io/v1alpha1'],
  description: DESCRIPTION,
  fields: { matches: matchesField },
  lower: ({ matches }, lowering) => lowerGroup(matches, lowering),
});

/** SMI HTTPRouteGroup since v1alpha3. */
export const httpRouteGroup = defineDialect({
  kind: KIND,
  apiVersions: ['specs.smi-spec.io/v1alpha4', 'specs.smi-spec.io/v1alpha3'],
  description: DESCRIPTION,
  fields: { spec: required(object({ matches: matchesField }), 'Requests.') },
  lower: ({ spec }, lowering) => lowerGroup(spec.matches, lowering),
});

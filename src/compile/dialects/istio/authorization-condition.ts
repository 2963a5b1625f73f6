import type { AuthorizationCondition } from '../../../model/security.ts';
import { object, optional, required, string, type Infer } from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { Lowering } from '../dialect.ts';
import { checkDomains, checkFormat, checkStars, completeAccount, lowerValues, valuesSchema } from './authorization-values.ts';

/** A condition on an attribute of the request. */
export const conditionSchema = object(
  {
    key: required(string(), 'Attribute, such as request.headers[x-tenant] or source.ip.'),
    values: optional(valuesSchema, 'Values of which one must match.'),
    notValues: optional(valuesSchema, 'Values of which none may match.'),
  },
  [{ kind: 'at-least-one', fields: ['values', 'notValues'] }],
);

type Kind = 'text' | 'cidr' | 'port' | 'domain';

/** Attributes, and what their values are. */
const KEYS: Readonly<Record<string, Kind>> = {
  'source.ip': 'cidr',
  'remote.ip': 'cidr',
  'source.namespace': 'text',
  'source.principal': 'text',
  'source.serviceAccount': 'text',
  'source.trustDomain': 'domain',
  'request.auth.principal': 'text',
  'request.auth.audiences': 'text',
  'request.auth.presenter': 'text',
  'destination.ip': 'cidr',
  'destination.port': 'port',
  'connection.sni': 'text',
};

/** Attributes with a name in brackets: of a header, of claims one in the other, of what a filter of Envoy's left. */
const NAMED = [
  /^request\.headers\[[!#$%&'*+.^_`|~0-9A-Za-z-]+\]$/,
  /^request\.auth\.claims(\[[^[\]]+\])+$/,
  /^experimental\.envoy\.filters\.[^[\]]+\[[^[\]]+\]$/,
];

function kindOf(key: string): Kind | undefined {
  if (NAMED.some((pattern) => pattern.test(key))) return 'text';
  return Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
}

function check(written: Infer<typeof conditionSchema>, lowering: Lowering): void {
  const { key } = written;
  const kind = kindOf(key);
  if (kind === undefined) {
    const known = [...Object.keys(KEYS), 'request.headers[name]', 'request.auth.claims[name]', 'experimental.envoy.filters.name[key]'];
    lowering.error(
      'TUL014',
      written,
      'key',
      `there is no attribute "${key}".${didYouMean(key, known) || ` Attributes are ${known.join(', ')}.`}`,
    );
  }
  for (const field of ['values', 'notValues'] as const) {
    if (kind === 'cidr') checkFormat(written, field, written[field], 'cidr', lowering);
    else if (kind === 'port') checkFormat(written, field, written[field], 'port-number', lowering);
    else checkStars(written, field, written[field], lowering);
    if (kind === 'domain') checkDomains(written, field, written[field], lowering);
  }
}

/** The condition in the model. */
export function lowerCondition(written: Infer<typeof conditionSchema>, lowering: Lowering): AuthorizationCondition {
  check(written, lowering);
  const complete = (values: readonly string[] | undefined): readonly string[] | undefined =>
    written.key === 'source.serviceAccount' ? values?.map((value) => completeAccount(value, lowering.namespace)) : values;
  return { key: written.key, ...lowerValues(complete(written.values), complete(written.notValues)), origin: lowering.originOf(written) };
}

import type { AuthorizationCondition } from '../../../model/security.ts';
import { object, optional, required, string, type Infer } from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { Lowering } from '../dialect.ts';
import { checkFormat, checkStars, completeAccount, lowerValues, valuesSchema } from './authorization-values.ts';

/** A condition on an attribute of the request. */
export const conditionSchema = object(
  {
    key: required(string(), 'Attribute, such as request.headers[x-tenant] or source.ip.'),
    values: optional(valuesSchema, 'Values of which one must match.'),
    notValues: optional(valuesSchema, 'Values of which none may match.'),
  },
  [{ kind: 'at-least-one', fields: ['values', 'notValues'] }],
);

type Kind = 'text' | 'cidr' | 'port' | 'token';

/** Attributes, and what their values are; those of tokens are never there, since none are checked. */
const KEYS: Readonly<Record<string, Kind>> = {
  'source.ip': 'cidr',
  'remote.ip': 'cidr',
  'source.namespace': 'text',
  'source.principal': 'text',
  'source.serviceAccount': 'text',
  'request.auth.principal': 'token',
  'request.auth.audiences': 'token',
  'request.auth.presenter': 'token',
  'destination.ip': 'cidr',
  'destination.port': 'port',
  'connection.sni': 'text',
};

function kindOf(key: string): Kind | undefined {
  if (/^request\.headers\[[!#$%&'*+.^_`|~0-9A-Za-z-]+\]$/.test(key)) return 'text';
  if (/^request\.auth\.claims(\[[^\]]+\])+$/.test(key)) return 'token';
  return Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
}

function check(written: Infer<typeof conditionSchema>, lowering: Lowering): void {
  const { key } = written;
  const kind = kindOf(key);
  if (key === 'source.trustDomain' || key.startsWith('experimental.')) {
    lowering.error('TUL016', written, 'key', `Tulle does not have conditions on ${key}`);
  } else if (kind === undefined) {
    const known = [...Object.keys(KEYS), 'request.headers[name]', 'request.auth.claims[name]'];
    lowering.error(
      'TUL014',
      written,
      'key',
      `there is no attribute "${key}".${didYouMean(key, known) || ` Attributes are ${known.join(', ')}.`}`,
    );
  } else if (kind === 'token') {
    lowering.warning('TUL020', written, 'key', 'Tulle does not check tokens (RequestAuthentication): no request has this attribute');
  }
  for (const field of ['values', 'notValues'] as const) {
    if (kind === 'cidr') checkFormat(written, field, written[field], 'cidr', lowering);
    else if (kind === 'port') checkFormat(written, field, written[field], 'port-number', lowering);
    else checkStars(written, field, written[field], lowering);
  }
}

/** The condition in the model. */
export function lowerCondition(written: Infer<typeof conditionSchema>, lowering: Lowering): AuthorizationCondition {
  check(written, lowering);
  const complete = (values: readonly string[] | undefined): readonly string[] | undefined =>
    written.key === 'source.serviceAccount' ? values?.map((value) => completeAccount(value, lowering.namespace)) : values;
  return { key: written.key, ...lowerValues(complete(written.values), complete(written.notValues)), origin: lowering.originOf(written) };
}

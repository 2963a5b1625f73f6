import type { AuthorizationSource } from '../../../model/security.ts';
import { object, optional, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import {
  checkDomains,
  checkFormat,
  checkNotEmpty,
  checkStars,
  completeAccount,
  lowerValues,
  valuesSchema,
} from './authorization-values.ts';

/** Who calls; all fields must match. */
export const sourceSchema = object({
  principals: optional(valuesSchema, 'Identities, as trust-domain/ns/namespace/sa/account.'),
  notPrincipals: optional(valuesSchema, 'Identities that do not match.'),
  requestPrincipals: optional(valuesSchema, 'Identities of tokens, as issuer/subject.'),
  notRequestPrincipals: optional(valuesSchema, 'Identities of tokens that do not match.'),
  namespaces: optional(valuesSchema, 'Namespaces of callers.'),
  notNamespaces: optional(valuesSchema, 'Namespaces that do not match.'),
  serviceAccounts: optional(valuesSchema, 'Service accounts, as account or namespace/account.'),
  notServiceAccounts: optional(valuesSchema, 'Service accounts that do not match.'),
  ipBlocks: optional(valuesSchema, 'Addresses of the connection.'),
  notIpBlocks: optional(valuesSchema, 'Addresses of the connection that do not match.'),
  remoteIpBlocks: optional(valuesSchema, 'Addresses of the client as x-forwarded-for tells.'),
  notRemoteIpBlocks: optional(valuesSchema, 'Addresses of the client that do not match.'),
  trustDomains: optional(valuesSchema, 'Trust domains of callers.'),
  notTrustDomains: optional(valuesSchema, 'Trust domains that do not match.'),
});

const IP_FIELDS = ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const;
const DOMAIN_FIELDS = ['trustDomains', 'notTrustDomains'] as const;
const STAR_FIELDS = [
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  ...DOMAIN_FIELDS,
] as const;
const ACCOUNT_FIELDS = ['serviceAccounts', 'notServiceAccounts'] as const;
const ACCOUNT = /^(?:[-a-z0-9]+\/)?[-.a-z0-9]+$/;

type Written = Infer<typeof sourceSchema>;

function check(written: Written, lowering: Lowering): void {
  checkNotEmpty(written, 'source', lowering);
  for (const field of IP_FIELDS) checkFormat(written, field, written[field], 'cidr', lowering);
  for (const field of STAR_FIELDS) checkStars(written, field, written[field], lowering);
  const accounts = ACCOUNT_FIELDS.flatMap((field) => (written[field] ?? []).map((value, index) => ({ field, value, index })));
  for (const { field, value, index } of accounts) {
    if (!ACCOUNT.test(value))
      lowering.error('TUL013', written, `${field}[${index}]`, `found "${value}", wants account or namespace/account`);
  }
  const hasOthers = [written.principals, written.notPrincipals, written.namespaces, written.notNamespaces].some(
    (list) => list !== undefined,
  );
  if (accounts.length > 0 && hasOthers) {
    lowering.error(
      'TUL015',
      written,
      'serviceAccounts',
      'serviceAccounts says what principals and namespaces say: they exclude each other',
    );
  }
  for (const field of DOMAIN_FIELDS) checkDomains(written, field, written[field], lowering);
}

/** The source in the model; service accounts get the policy's namespace where they name none. */
export function lowerSource(written: Written, lowering: Lowering): AuthorizationSource {
  check(written, lowering);
  const withNamespace = (values: readonly string[] | undefined): readonly string[] | undefined =>
    values?.map((value) => completeAccount(value, lowering.namespace));
  return {
    principals: lowerValues(written.principals, written.notPrincipals),
    requestPrincipals: lowerValues(written.requestPrincipals, written.notRequestPrincipals),
    namespaces: lowerValues(written.namespaces, written.notNamespaces),
    serviceAccounts: lowerValues(withNamespace(written.serviceAccounts), withNamespace(written.notServiceAccounts)),
    trustDomains: lowerValues(written.trustDomains, written.notTrustDomains),
    ipBlocks: lowerValues(written.ipBlocks, written.notIpBlocks),
    remoteIpBlocks: lowerValues(written.remoteIpBlocks, written.notRemoteIpBlocks),
  };
}

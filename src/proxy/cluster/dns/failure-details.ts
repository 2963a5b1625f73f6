/** Why a name has no address, in Envoy's words: c-ares' texts after what became of the question. */
const TEXTS = new Map<unknown, string>([
  ['ENOTFOUND', 'cares_norecords:Domain_name_not_found'],
  ['ENODATA', 'cares_norecords:DNS_server_returned_answer_with_no_data'],
  ['ESERVFAIL', 'cares_failure:DNS_server_returned_general_failure'],
  ['EREFUSED', 'cares_failure:DNS_server_refused_query'],
  ['EFORMERR', 'cares_failure:DNS_server_claims_query_was_misformatted'],
  ['ENOTIMP', 'cares_failure:DNS_server_does_not_implement_requested_operation'],
  ['EBADNAME', 'cares_failure:Misformatted_domain_name'],
  ['ECONNREFUSED', 'cares_failure:Could_not_contact_DNS_servers'],
  ['ETIMEOUT', 'cares_failure:Timeout_while_contacting_DNS_servers'],
]);

/** No answer within the time that is given to it. */
export const RESOLVE_TIMEOUT = 'resolve_timeout';

/** The words for a code of Node's, or for what a question was rejected with. */
export function failureDetails(cause: unknown): string {
  const code: unknown = cause instanceof Error ? (Reflect.get(cause, 'code') ?? cause.message) : cause;
  if (code === RESOLVE_TIMEOUT) return RESOLVE_TIMEOUT;
  return TEXTS.get(code) ?? `cares_failure:${String(code).replaceAll(' ', '_')}`;
}

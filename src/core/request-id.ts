const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const REASON_AT = 14;

/**
 * An `x-request-id` by which requests are compared. Proxies keep in the version digit of a UUID why it is traced (4: it is
 * not; 9, a, b: it is), so that the id that a client sent is not quite the one in logs. Source: Envoy's UUID request id
 * extension, `pack_trace_reason`.
 */
export function comparableRequestId(id: string): string {
  return UUID.test(id) ? `${id.slice(0, REASON_AT)}4${id.slice(REASON_AT + 1)}`.toLowerCase() : id;
}

/** Conditions on which a request may be tried again. Source: Envoy, "Router", x-envoy-retry-on and x-envoy-retry-grpc-on. */

/** Words of `retry_on`; a policy's conditions are a bit set, bit i being row i. */
const RETRY_ON = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

export type RetryCondition = (typeof RETRY_ON)[number];

/** The bit of a condition. */
export function retryBit(condition: RetryCondition): number {
  return 1 << RETRY_ON.indexOf(condition);
}

/**
 * Reads a comma-separated list of conditions. `unknown` holds words that are none: an error in a configuration,
 * nothing in a request's header.
 */
export function parseRetryOn(list: string): { readonly bits: number; readonly unknown: readonly string[] } {
  let bits = 0;
  const unknown: string[] = [];
  for (const part of list.split(',')) {
    const word = part.trim();
    const index = RETRY_ON.findIndex((known) => known === word);
    if (index >= 0) bits |= 1 << index;
    else if (word !== '') unknown.push(word);
  }
  return { bits, unknown };
}

/** The conditions of a bit set, for people. */
export function retryWords(bits: number): readonly RetryCondition[] {
  return RETRY_ON.filter((condition) => (bits & retryBit(condition)) !== 0);
}

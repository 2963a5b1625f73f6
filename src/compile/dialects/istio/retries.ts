import type { RetryPolicy } from '../../../model/route.ts';
import { bool, defaulted, duration, int, object, optional, string, type Infer } from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { Lowering } from '../dialect.ts';

/** Envoy's words for x-envoy-retry-on and x-envoy-retry-grpc-on. */
const RETRY_ON = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

const STATUS_CODES = 'retriable-status-codes';

/** How a route retries. */
export const retriesSchema = object({
  attempts: optional(int(0, 2 ** 31 - 1), 'Retries after the first attempt; 0 turns retrying off.'),
  perTryTimeout: optional(duration(1), "Time for each attempt; the route's timeout where absent."),
  retryOn: optional(string(), 'Conditions, separated by commas; numbers are status codes.'),
  retryRemoteLocalities: defaulted(bool, false, 'Whether retries may go to other localities.'),
  retryIgnorePreviousHosts: defaulted(bool, true, 'Whether retries avoid hosts that were tried.'),
  backoff: optional(duration(1), 'Base of the growing pause between attempts.'),
});

function parseConditions(
  written: Infer<typeof retriesSchema>,
  lowering: Lowering,
): { readonly words: readonly string[]; readonly codes: readonly number[] } {
  const words: string[] = [];
  const codes: number[] = [];
  for (const part of (written.retryOn ?? '').split(',').map((text) => text.trim())) {
    if (part === '') continue;
    if (/^\d+$/.test(part)) {
      if (Number(part) < 100 || Number(part) > 599) lowering.error('TUL013', written, 'retryOn', `found status ${part}, wants 100 to 599`);
      codes.push(Number(part));
    } else if (RETRY_ON.some((word) => word === part)) {
      words.push(part);
    } else {
      const hint = didYouMean(part, RETRY_ON) || ` Conditions are ${RETRY_ON.join(', ')}.`;
      lowering.error('TUL014', written, 'retryOn', `there is no condition "${part}".${hint}`);
    }
  }
  if (codes.length > 0 && !words.includes(STATUS_CODES)) words.push(STATUS_CODES);
  return { words, codes };
}

/** The policy in the model. */
export function lowerRetries(written: Infer<typeof retriesSchema> | undefined, lowering: Lowering): RetryPolicy | undefined {
  if (written === undefined) return undefined;
  if (written.attempts === undefined) {
    lowering.warning('TUL020', written, '', 'retries without attempts means attempts: 0, so nothing is retried');
  }
  const { words, codes } = parseConditions(written, lowering);
  return {
    attempts: written.attempts ?? 0,
    perTryTimeoutMs: written.perTryTimeout,
    retryOn: words,
    retriableStatusCodes: codes,
    retryRemoteLocalities: written.retryRemoteLocalities,
    ignorePreviousHosts: written.retryIgnorePreviousHosts,
    backoffMs: written.backoff,
  };
}

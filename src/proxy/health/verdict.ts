/** What failure accrual makes of a request's end. Source: Linkerd, "Circuit breaking"; gRPC, status codes. */
import type { ResponseHead } from '../../wire/http/message.ts';
import type { Outcome } from '../cluster/cluster.ts';
import type { Verdict } from './breaker.ts';

/** DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS: the host's fault. */
const FAILURES: ReadonlySet<string> = new Set(['4', '7', '13', '14', '15']);
const RESOURCE_EXHAUSTED = '8';

/** A gRPC status says more than the HTTP status before it. */
export function verdictOfGrpc(status: string): Verdict {
  if (status === RESOURCE_EXHAUSTED) return 'overloaded';
  return FAILURES.has(status) ? 'failure' : 'success';
}

/** What an attempt came to where it is not gRPC. */
export function verdictOf(outcome: Outcome): Verdict {
  if (outcome.kind === 'local-origin-failure') return 'failure';
  if (outcome.status === 429) return 'overloaded';
  return outcome.status >= 500 ? 'failure' : 'success';
}

/** A response of gRPC that goes well so far: only its end says how it went. */
export function isOpenGrpc({ status, headers }: ResponseHead): boolean {
  return status === 200 && !headers.has('grpc-status') && headers.get('content-type')?.startsWith('application/grpc') === true;
}

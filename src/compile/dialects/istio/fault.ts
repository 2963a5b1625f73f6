import type { Fault } from '../../../model/route.ts';
import type { Located } from '../../schema/located.ts';
import { deprecated, duration, int, number, object, optional, oneOf, required, unsupported, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

/** A share in percent, with fractions. */
export const percentSchema = object({ value: optional(number(0, 100), 'Percent, from 0 to 100.') });

const GRPC_STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

const delaySchema = object({
  fixedDelay: required(duration(1), 'How long the request waits.'),
  percentage: optional(percentSchema, 'Share of requests; without it none.'),
  percent: deprecated(int(0, 100), 'Share of requests in whole percent.', 'write percentage: { value: ... }'),
  exponentialDelay: unsupported('error', 'Random delay around a mean, which istiod passes over; write fixedDelay with a percentage.'),
});

const abortSchema = object(
  {
    httpStatus: optional(int(200, 599), 'HTTP status of the answer.'),
    grpcStatus: optional(oneOf(GRPC_STATUS, { isCaseInsensitive: true }), 'gRPC status of the answer.'),
    percentage: optional(percentSchema, 'Share of requests; without it none.'),
    percent: deprecated(int(0, 100), 'Share of requests in whole percent.', 'write percentage: { value: ... }'),
    http2Error: unsupported('error', 'HTTP/2 error code, which istiod passes over; write httpStatus or grpcStatus.'),
  },
  [{ kind: 'exactly-one', fields: ['httpStatus', 'grpcStatus'] }],
);

/** Delays and aborts that are put in on purpose. */
export const faultSchema = object(
  {
    delay: optional(delaySchema, 'Requests that wait.'),
    abort: optional(abortSchema, 'Requests that are answered with an error.'),
  },
  [{ kind: 'at-least-one', fields: ['delay', 'abort'] }],
);

type Share = Located & { readonly percentage: Infer<typeof percentSchema> | undefined; readonly percent: number | undefined };

function shareOf(written: Share, lowering: Lowering): number {
  if (written.percentage === undefined && written.percent === undefined) {
    lowering.warning('TUL020', written, '', 'without a percentage the fault never happens: write percentage: { value: 100 }');
  }
  return written.percentage === undefined ? (written.percent ?? 0) : (written.percentage.value ?? 0);
}

/** The fault in the model. */
export function lowerFault(written: Infer<typeof faultSchema> | undefined, lowering: Lowering): Fault | undefined {
  if (written === undefined) return undefined;
  const { delay, abort } = written;
  return {
    delay: delay === undefined ? undefined : { fixedMs: delay.fixedDelay, percent: shareOf(delay, lowering) },
    abort: abort === undefined ? undefined : lowerAbort(abort, lowering),
  };
}

function lowerAbort(abort: Infer<typeof abortSchema>, lowering: Lowering): Fault['abort'] {
  const percent = shareOf(abort, lowering);
  if (abort.grpcStatus !== undefined) return { status: GRPC_STATUS.indexOf(abort.grpcStatus), kind: 'grpc', percent };
  return { status: abort.httpStatus ?? 500, kind: 'http', percent };
}

/** Names of the fields that tracing looks for in every request. */
import { fieldName } from '../../wire/http/headers.ts';

export const REQUEST_ID = fieldName('x-request-id');
export const TRACEPARENT = fieldName('traceparent');
export const CLIENT_TRACE_ID = fieldName('x-client-trace-id');
export const FORCE_TRACE = fieldName('x-envoy-force-trace');
export const DECORATOR = fieldName('x-envoy-decorator-operation');

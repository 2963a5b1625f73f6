import type { DownstreamConnection } from '../listener/connection.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { flagBit, type ResponseFlag } from './stream-info.ts';
import { newStreamInfo } from './stream-state.ts';

/** Logs a request of HTTP/2 that was refused by a reset before it became a stream. */
export function logRefused(runtime: HcmRuntime, connection: DownstreamConnection, flag: ResponseFlag | undefined, details: string): void {
  const { clock } = runtime.scope;
  const nowMs = clock.monotonicMs();
  const info = newStreamInfo(undefined, connection, clock.wallMs(), nowMs, 'HTTP/2');
  info.responseCodeDetails = details;
  if (flag !== undefined) info.flags = flagBit(flag);
  info.endMs = nowMs;
  runtime.accessLog?.log(info);
}

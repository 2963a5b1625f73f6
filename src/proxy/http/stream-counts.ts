import { type Histogram, observe } from '../telemetry/stats.ts';
import type { HcmStats } from './hcm-stats.ts';
import type { StreamInfo } from './stream-info.ts';

/** Counts a stream that has ended; health checks do not count as requests, nor what went on as another stream, as in Envoy. */
export function countStream(stats: HcmStats, info: StreamInfo, isReplaced: boolean): void {
  stats.downstream_rq_active.value--;
  if (info.isHealthCheck === true || isReplaced) return;
  stats.downstream_rq_completed.value++;
  if (info.responseCode > 0) countStatus(stats, info.responseCode);
  observe(stats.downstream_rq_time, info.endMs - info.startMs);
  countOwnTime(stats.ownTime, info);
}

/**
 * Counts what the proxy itself has added to a request that its first attempt brought an answer to: all of its time but
 * that between the first byte sent to the host and the last one it answered. Waiting for a connection is in it.
 */
function countOwnTime(own: Histogram, { startMs, endMs, upstreamSendMs, upstreamEndMs, attempts }: StreamInfo): void {
  if (upstreamEndMs !== 0 && attempts === 1) observe(own, Math.max(0, endMs - startMs - (upstreamEndMs - upstreamSendMs)));
}

/** Counts a response by the class of its status. */
export function countStatus(stats: HcmStats, status: number): void {
  const ofClass = stats.statuses[Math.floor(status / 100)];
  if (ofClass !== undefined) ofClass.value++;
}

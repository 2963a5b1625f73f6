/**
 * Where an answer is counted: for its cluster, and again for requests from within or from without, for canaries and from
 * zone to zone. Source: Envoy, `chargeUpstreamCode`, "Cluster manager: dynamic HTTP statistics" and "per zone".
 */
import { fieldName } from '../../wire/http/headers.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import type { AnswerStats } from '../cluster/answer-stats.ts';
import type { Host } from '../cluster/cluster.ts';
import type { ClusterHttpStats } from '../cluster/http-stats.ts';
import { isCanary } from '../cluster/lb-metadata.ts';
import type { RequestStats } from './request-stats.ts';

const CANARY = fieldName('x-envoy-upstream-canary');

/** An answer, or what stands in for one. */
interface Answer {
  /** The request comes from inside. */
  readonly isInternal: boolean;
  /** Who was asked; undefined: nobody. */
  readonly host: Host | undefined;
  /** Undefined where the proxy has made the answer. */
  readonly head: IncomingResponse | undefined;
  /** The proxy's own zone; '' or undefined where none is known. */
  readonly ownZone: string | undefined;
}

/** Those that count an answer of the cluster of `stats`, and `counted` besides. */
export function answerStats(
  stats: ClusterHttpStats,
  { isInternal, host, head, ownZone }: Answer,
  counted: readonly RequestStats[],
): readonly AnswerStats[] {
  const isOfCanary = head?.headers.get(CANARY) === 'true' || (host !== undefined && isCanary(host));
  const ofZone =
    ownZone === undefined || ownZone === '' || host === undefined ? undefined : stats.answersOfZone(ownZone, host.locality ?? '');
  const common = isInternal ? stats.answersFromWithin : stats.answersFromWithout;
  if (!isOfCanary && ofZone === undefined && counted.length === 0) return common;
  const all = [...common];
  if (isOfCanary) all.push(stats.answersOf('canary'));
  if (ofZone !== undefined) all.push(ofZone);
  for (const { answers } of counted) all.push(answers);
  return all;
}

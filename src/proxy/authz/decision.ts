/** What a decision leaves behind, for the HTTP and the network filter alike: counters and metadata. */
import type { StreamInfo } from '../http/stream-info.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';
import type { Counter, StatsScope } from '../telemetry/stats.ts';
import type { Engine, Verdict } from './engine.ts';

/** Namespace of what stands in access logs as `%DYNAMIC_METADATA(tulle:policy)%`. */
const TULLE = 'tulle';

/** Why something was denied: the policy and where it was written. */
interface Denial {
  readonly policy: string;
  readonly file?: string;
  readonly line?: number;
}

/** Where policies were written, from the listener's metadata `tulle.policies`. */
function provenanceOf(listenerMetadata: Readonly<Record<string, unknown>>, policy: string): Denial {
  const file = metadataAt(listenerMetadata, [TULLE, 'policies', policy, 'file']);
  const line = metadataAt(listenerMetadata, [TULLE, 'policies', policy, 'line']);
  return { policy, ...(typeof file === 'string' ? { file } : {}), ...(typeof line === 'number' ? { line } : {}) };
}

/** Counts decisions of one engine; `%RESPONSE_CODE_DETAILS%` comes from `details`. */
export interface Recorder {
  count(verdict: Verdict): void;
  /** Leaves who denied in the stream's metadata. */
  leaveDenial(info: StreamInfo, verdict: Verdict): void;
  /** Leaves a shadow engine's result, under Envoy's keys. */
  leaveShadow(info: StreamInfo, verdict: Verdict): void;
}

/** Envoy's details of a denial, with white space made safe for a log's columns. */
export function denialDetails(verdict: Verdict): string {
  return `rbac_access_denied_matched_policy[${(verdict.policy ?? 'none').replaceAll(/\s/g, '_')}]`;
}

interface PolicyCounters {
  readonly allowed: Counter;
  readonly denied: Counter;
}

export interface RecorderOptions {
  readonly stats: StatsScope;
  /** Before the names of the counters, e.g. `rbac.`; one that does not end in a dot gets one, as in Envoy. */
  readonly statPrefix: string;
  /** Rules that only count: their counters are `shadow_allowed` and `shadow_denied`. */
  readonly isShadow: boolean;
  readonly tracksPerRule: boolean;
  /** Name of the filter, under which shadow rules leave their result. */
  readonly metadataNamespace: string;
  /** Before Envoy's metadata keys, for shadow rules. */
  readonly metadataPrefix: string;
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
}

function countersOf(stats: StatsScope, prefix: string, isShadow: boolean): PolicyCounters {
  const kind = isShadow ? 'shadow_' : '';
  return { allowed: stats.counter(`${prefix}${kind}allowed`), denied: stats.counter(`${prefix}${kind}denied`) };
}

/** Prepares what is counted and left for the policies of an engine. */
export function createRecorder(engine: Engine, options: RecorderOptions): Recorder {
  const { stats, isShadow, metadataNamespace, metadataPrefix, listenerMetadata } = options;
  const statPrefix = options.statPrefix.endsWith('.') ? options.statPrefix : `${options.statPrefix}.`;
  const all = countersOf(stats, statPrefix, isShadow);
  const perRule = new Map(
    options.tracksPerRule
      ? engine.policies.map((name) => [name, countersOf(stats, `${statPrefix}policy.${name}.`, isShadow)] as const)
      : [],
  );
  const denials = new Map(engine.policies.map((name) => [name, provenanceOf(listenerMetadata, name)]));
  const nobody: Denial = { policy: 'none' };
  return {
    count({ isAllowed, policy }) {
      (isAllowed ? all.allowed : all.denied).value++;
      const own = policy === undefined ? undefined : perRule.get(policy);
      if (own !== undefined) (isAllowed ? own.allowed : own.denied).value++;
    },
    leaveDenial(info, { policy }) {
      info.metadata.set(TULLE, policy === undefined ? nobody : (denials.get(policy) ?? { policy }));
    },
    leaveShadow(info, { isAllowed, policy }) {
      const before = info.metadata.get(metadataNamespace);
      info.metadata.set(metadataNamespace, {
        ...(typeof before === 'object' ? before : {}),
        [`${metadataPrefix}shadow_engine_result`]: isAllowed ? 'allowed' : 'denied',
        ...(policy === undefined ? {} : { [`${metadataPrefix}shadow_effective_policy_id`]: policy }),
      });
    },
  };
}

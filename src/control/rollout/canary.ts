/**
 * Whether a canary goes on, ends well, or is taken back. Pure: what proxies show and the time go in, a decision comes
 * out.
 *
 *   step ─ every proxy acknowledged ─▶ watched for `intervalMs` ─▶ next step ... ─▶ promoted
 *     │                                        │
 *     └─ refused, no answer in time,           └─ too many requests fail, refused later, reconnects
 *        nobody to try it on ─▶ reverted          again and again ─▶ reverted
 */
import { type RolloutPolicy, stepText } from '../../model/rollout.ts';

/** Requests that a proxy has answered since it started, and those of them that count as failed. */
export interface Traffic {
  readonly requests: number;
  readonly failed: number;
}

/** One proxy of the canary, as it shows itself now. */
export interface Observation {
  /** Short, for reasons. */
  readonly name: string;
  readonly id: string;
  readonly connectedAtMs: number;
  /** It has answered for all that it was sent. */
  readonly isSettled: boolean;
  /** Refusals since its stream began. */
  readonly rejections: number;
  /** The last one; '' for none. */
  readonly rejection: string;
  /** Undefined where its admin interface cannot be reached. */
  readonly traffic: Traffic | undefined;
}

/** What a proxy had when the canary came to it. */
interface Baseline {
  readonly connectedAtMs: number;
  readonly rejections: number;
  readonly traffic: Traffic | undefined;
  /** Streams begun since. */
  readonly reconnects: number;
}

/** What a step has shown so far. */
interface Seen extends Traffic {
  readonly proxies: number;
  readonly settled: number;
  /** Proxies whose requests are counted. */
  readonly watched: number;
}

/** A version that is tried, at one of its steps. */
export interface Canary {
  readonly policy: RolloutPolicy;
  /** Position in the policy's steps. */
  readonly step: number;
  readonly stepSinceMs: number;
  /** When every proxy of the step had acknowledged; undefined before. */
  readonly settledSinceMs: number | undefined;
  readonly baselines: ReadonlyMap<string, Baseline>;
  readonly seen: Seen;
}

/** What is to become of a canary. */
export type Decision =
  | { readonly kind: 'wait' }
  | { readonly kind: 'advance' }
  | { readonly kind: 'promote' }
  | { readonly kind: 'revert'; readonly reason: string };

/** So many new streams of one proxy in a step mean that it cannot live with what it gets. */
const RECONNECTS_MAX = 3;
const NAMES_MAX = 3;
const NOTHING: Seen = { proxies: 0, settled: 0, watched: 0, requests: 0, failed: 0 };
const WAIT: Decision = { kind: 'wait' };

function baselineOf({ connectedAtMs, rejections, traffic }: Observation): Baseline {
  return { connectedAtMs, rejections, traffic, reconnects: 0 };
}

/** Begins step `step`; `before` are its proxies as they were before they get anything. */
export function beginStep(policy: RolloutPolicy, step: number, before: readonly Observation[], nowMs: number): Canary {
  const baselines = new Map(before.map((each) => [each.id, baselineOf(each)]));
  return { policy, step, stepSinceMs: nowMs, settledSinceMs: undefined, baselines, seen: { ...NOTHING, proxies: before.length } };
}

/** Keeps up with proxies that came later, came again, or were started anew and count from zero. */
function followed(former: Baseline | undefined, now: Observation): Baseline {
  // its stream is younger than the step: whatever it refuses is of the canary
  if (former === undefined) return { ...baselineOf(now), rejections: 0 };
  const isNew = former.connectedAtMs !== now.connectedAtMs;
  const isReset = now.traffic !== undefined && former.traffic !== undefined && now.traffic.requests < former.traffic.requests;
  return {
    connectedAtMs: now.connectedAtMs,
    rejections: isNew ? 0 : former.rejections,
    traffic: isReset ? { requests: 0, failed: 0 } : (former.traffic ?? now.traffic),
    reconnects: former.reconnects + (isNew ? 1 : 0),
  };
}

function since(baseline: Traffic | undefined, now: Traffic | undefined): Traffic {
  if (baseline === undefined || now === undefined) return { requests: 0, failed: 0 };
  return { requests: now.requests - baseline.requests, failed: now.failed - baseline.failed };
}

function sum(all: readonly Traffic[]): Traffic {
  const total = (key: keyof Traffic): number => all.reduce((count, each) => count + each[key], 0);
  return { requests: total('requests'), failed: total('failed') };
}

function see(baselines: ReadonlyMap<string, Baseline>, now: readonly Observation[]): Seen {
  return {
    proxies: now.length,
    settled: now.filter(({ isSettled }) => isSettled).length,
    watched: now.filter(({ traffic }) => traffic !== undefined).length,
    ...sum(now.map(({ id, traffic }) => since(baselines.get(id)?.traffic, traffic))),
  };
}

function named(proxies: readonly Observation[]): string {
  const names = proxies.slice(0, NAMES_MAX).map(({ name }) => name);
  return names.join(', ') + (proxies.length > NAMES_MAX ? ` and ${proxies.length - NAMES_MAX} more` : '');
}

function percent(rate: number): string {
  return `${Math.round(rate * 1000) / 10} %`;
}

function rateOf({ requests, failed }: Traffic): number {
  return requests === 0 ? 0 : failed / requests;
}

/** Why the error rate is too high, or undefined. */
function errorReason({ policy, baselines, seen }: Canary): string | undefined {
  const { requestsMin, errorRateMax } = policy;
  if (seen.requests < Math.max(1, requestsMin)) return undefined;
  const before = sum([...baselines.values()].flatMap(({ traffic }) => traffic ?? []));
  const usual = before.requests < requestsMin ? 0 : rateOf(before);
  if (rateOf(seen) <= usual + errorRateMax) return undefined;
  const than = usual === 0 ? '' : ` (${percent(usual)} did before)`;
  return `${seen.failed} of ${seen.requests} requests of its proxies failed, ${percent(rateOf(seen))}${than}; ${percent(errorRateMax)} may`;
}

/** Why the canary must not go on, or undefined. */
function fault(canary: Canary, now: readonly Observation[]): string | undefined {
  const refused = now.find(({ id, rejections }) => rejections > (canary.baselines.get(id)?.rejections ?? 0));
  if (refused !== undefined) return `${refused.name} refused ${refused.rejection}`;
  const restless = now.find(({ id }) => (canary.baselines.get(id)?.reconnects ?? 0) >= RECONNECTS_MAX);
  if (restless !== undefined) return `${restless.name} has lost its stream ${RECONNECTS_MAX} times`;
  return errorReason(canary);
}

/** What is to be done while not every proxy has acknowledged, or there is none. */
function unsettled({ policy, step, stepSinceMs }: Canary, now: readonly Observation[], nowMs: number): Decision {
  if (nowMs - stepSinceMs < policy.ackTimeoutMs) return WAIT;
  const late = now.filter(({ isSettled }) => !isSettled);
  if (late.length > 0) return { kind: 'revert', reason: `${named(late)} did not answer in ${policy.ackTimeoutMs / 1000} s` };
  const own = policy.steps[step];
  // whoever asked for a revision wants it tried on that one
  if (own?.kind === 'revision') return { kind: 'revert', reason: `no proxy of ${stepText(own)} is connected` };
  return next(policy, step);
}

function next(policy: RolloutPolicy, step: number): Decision {
  return step + 1 < policy.steps.length ? { kind: 'advance' } : { kind: 'promote' };
}

/** Looks at the step's proxies: the canary with what was seen, and what to do. */
export function observe(
  canary: Canary,
  now: readonly Observation[],
  nowMs: number,
): { readonly canary: Canary; readonly decision: Decision } {
  const baselines = new Map([...canary.baselines, ...now.map((each) => [each.id, followed(canary.baselines.get(each.id), each)] as const)]);
  const seen = see(baselines, now);
  const isSettled = now.length > 0 && seen.settled === seen.proxies;
  const settledSinceMs = canary.settledSinceMs ?? (isSettled ? nowMs : undefined);
  const watched: Canary = { ...canary, baselines, seen, settledSinceMs };
  const reason = fault(watched, now);
  if (reason !== undefined) return { canary: watched, decision: { kind: 'revert', reason } };
  if (settledSinceMs === undefined) return { canary: watched, decision: unsettled(watched, now, nowMs) };
  const isOver = nowMs - settledSinceMs >= canary.policy.intervalMs;
  if (!isOver) return { canary: watched, decision: WAIT };
  return { canary: watched, decision: isSettled ? next(canary.policy, canary.step) : unsettled(watched, now, nowMs) };
}

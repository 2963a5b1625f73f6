import type { Clock } from '../../../core/clock.ts';
import type { Host } from '../cluster.ts';

/** A host that has just become healthy gets little traffic, and more with time. Envoy: SlowStartConfig. */
export interface SlowStart {
  readonly windowMs: number;
  /** 1: the weight grows evenly; above 1 quickly at first. */
  readonly aggression: number;
  /** Share of its weight that a host has at least, in [0, 1]. */
  readonly minWeight: number;
}

/** The weight of `host` at `nowMs`, in [0, 1] of its own: 1 once the window has passed, and for degraded hosts. */
export function slowStartFactor({ windowMs, aggression, minWeight }: SlowStart, host: Host, nowMs: number): number {
  const healthyMs = nowMs - (host.healthySinceMs ?? -Infinity);
  if (healthyMs >= windowMs || host.isDegraded) return 1;
  return Math.max(minWeight, (Math.max(1, healthyMs) / windowMs) ** (1 / aggression));
}

/** Tells whether some of `hosts` are in slow start now; after that it does not look at the clock any more. */
export function slowStartWatch(slow: SlowStart | undefined, hosts: readonly Host[], clock: Pick<Clock, 'monotonicMs'>): () => boolean {
  if (slow === undefined) return () => false;
  const last = Math.max(...hosts.map((host) => host.healthySinceMs ?? -Infinity));
  let isOver = false;
  return () => {
    isOver ||= clock.monotonicMs() - last >= slow.windowMs;
    return !isOver;
  };
}

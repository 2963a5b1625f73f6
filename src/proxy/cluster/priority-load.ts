/**
 * How traffic spreads over priorities, and when a priority panics. Follows Envoy's "priority levels" and "panic
 * threshold": a priority carries what its usable hosts can, the rest spills to the next one.
 */
export interface Level {
  readonly total: number;
  readonly usable: number;
}

export interface LevelLoad {
  /** Per cent of the traffic; all shares together are 100, or 0 where there is nobody. */
  readonly share: number;
  /** True: choose among all hosts, since so few are usable that avoiding the others would bury them. */
  readonly isPanic: boolean;
}

/** Per cent of the traffic that a level could carry, between 0 and 100. */
function capacity(level: Level, overprovisioning: number): number {
  return level.total === 0 ? 0 : Math.min(100, (100 * overprovisioning * level.usable) / level.total);
}

/** Where no level can be trusted, traffic goes by numbers of hosts alone. */
function byHosts(levels: readonly Level[]): LevelLoad[] {
  const total = levels.reduce((sum, level) => sum + level.total, 0);
  return levels.map((level) => ({ share: total === 0 ? 0 : (100 * level.total) / total, isPanic: true }));
}

/** Loads of all priorities, the first being priority 0. `panicThreshold` is a percentage; 0 turns panic off. */
export function spreadLoad(levels: readonly Level[], overprovisioning: number, panicThreshold: number): LevelLoad[] {
  const capacities = levels.map((level) => capacity(level, overprovisioning));
  const available = Math.min(
    100,
    capacities.reduce((sum, value) => sum + value, 0),
  );
  const isPanic = levels.map((level) => available < 100 && (level.total === 0 ? 0 : (100 * level.usable) / level.total) < panicThreshold);
  if (isPanic.every((panics) => panics)) return byHosts(levels);
  let left = 100;
  return capacities.map((value, i) => {
    const share = available === 0 ? 0 : Math.min(left, (100 * value) / available);
    left -= share;
    return { share, isPanic: isPanic[i] ?? false };
  });
}

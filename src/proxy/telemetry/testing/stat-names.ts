/** Names of statistics, for tests. */
import type { StatsReader } from '../registry.ts';

/** Those that begin with `prefix`, in their order. */
export function statNames(stats: StatsReader, prefix: string): string[] {
  const names: string[] = [];
  stats.forEach(({ name }) => {
    if (name.startsWith(prefix)) names.push(name);
  });
  return names.toSorted();
}

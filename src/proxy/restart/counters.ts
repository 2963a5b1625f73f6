import type { CountedElsewhere, StatsReader } from '../telemetry/registry.ts';

function keyOf({ prefixes, leaf, labels }: CountedElsewhere): string {
  return JSON.stringify([prefixes, leaf, labels]);
}

/** Reads what counters have counted since the call before; at first, all of it. */
export function counterReader(registry: StatsReader): () => CountedElsewhere[] {
  const former = new Map<string, number>();
  return () => {
    const changed: CountedElsewhere[] = [];
    registry.forEach(({ value, prefixes, leaf, labels }) => {
      if (value.kind !== 'counter' || value.counter.value === 0) return;
      const counter = { prefixes, leaf, labels, value: value.counter.value };
      const key = keyOf(counter);
      const delta = counter.value - (former.get(key) ?? 0);
      former.set(key, counter.value);
      if (delta !== 0) changed.push({ ...counter, value: delta });
    });
    return changed;
  };
}

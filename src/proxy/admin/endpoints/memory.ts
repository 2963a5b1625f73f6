import { memoryUsage } from 'node:process';
import { type AdminEndpoint, json } from '../endpoint.ts';

/** How many there are of each. */
function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** `/memory`: bytes of the process, under Envoy's names where they mean the same, with what only V8 knows, and what keeps Node's event loop busy. */
export const memory: AdminEndpoint = {
  path: '/memory',
  method: 'GET',
  help: 'print current allocation/heap usage',
  handle() {
    const { heapUsed, heapTotal, rss, external, arrayBuffers } = memoryUsage();
    return json({
      allocated: String(heapUsed),
      heap_size: String(heapTotal),
      total_physical_bytes: String(rss),
      external: String(external),
      array_buffers: String(arrayBuffers),
      resources: counted(process.getActiveResourcesInfo()),
    });
  },
};

import { memoryUsage } from 'node:process';
import { type AdminEndpoint, json } from '../endpoint.ts';

/** `/memory`: bytes of the process, under Envoy's names where they mean the same, with what only V8 knows. */
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
    });
  },
};

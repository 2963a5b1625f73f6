import type { LogLevel } from '../../../core/log.ts';
import { type AdminEndpoint, text } from '../endpoint.ts';

/** Envoy's levels and ours. */
const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['trace', 'debug'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warning', 'warn'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
  ['off', 'off'],
]);

/** `/logging`: says the level, and sets it with `?level=`. */
export const logging: AdminEndpoint = {
  path: '/logging',
  method: 'POST',
  help: 'query/change logging level (?level=)',
  handle(query, proxy) {
    const wanted = query.get('level');
    if (wanted !== null) {
      const level = LEVELS.get(wanted);
      if (level === undefined) return text(`unknown level ${wanted}; one of ${[...LEVELS.keys()].join(', ')}\n`, 400);
      proxy.log.level = level;
    }
    return text(`active logger level: ${proxy.log.level}\n`);
  },
};

import { fieldName } from '../../wire/http/headers.ts';
import type { HeaderMap } from '../../wire/http/message.ts';
import { httpDate } from './date.ts';
import type { HcmRuntime } from './hcm-runtime.ts';

const DATE = fieldName('date');

/** Puts into a response's head what the connection manager says in every one: date, server, via. */
export function finishHead(headers: HeaderMap, { config, scope }: HcmRuntime): void {
  if (!headers.has(DATE)) headers.add('date', httpDate(scope.clock.wallMs()));
  if (config.serverHeader === 'overwrite') headers.setFixed(config.serverField);
  else if (config.serverHeader === 'append-if-absent' && !headers.has(config.serverField.name)) headers.setFixed(config.serverField);
  if (config.via !== '') headers.set('via', extendedVia(headers, config.via));
}

/** The value of Via with `via` at its end. */
export function extendedVia(headers: HeaderMap, via: string): string {
  return [...headers.getAll('via'), via].join(', ');
}

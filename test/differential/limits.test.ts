/** Limits of heads, and of time for a request to come. */
import type { Case } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { EDGE, FORWARD, IMPATIENT, SIDECAR, STRICT } from './framework/listeners.ts';
import { compareTopic } from './framework/topic.ts';
import { FOREVER } from './framework/wishes.ts';

const encode = encodeURIComponent;

const long = (length: number): string => 'a'.repeat(length);

const CASES: Case[] = [
  ask('long target', `/${long(70_000)}`),
  ask('long field', '/x', { fields: [`x-long: ${long(70_000)}`] }),
  ask('long field allowed', '/x', { fields: [`x-long: ${long(50_000)}`] }),
  ask('long field of a strict listener', '/x', { fields: [`x-long: ${long(9000)}`] }, { listener: 'strict' }),
  ask('many fields', '/x', { fields: Array.from({ length: 101 }, (_, i) => `x-${i}: 1`) }),
  ask('many fields of a small listener', '/x', { fields: Array.from({ length: 20 }, (_, i) => `x-${i}: 1`) }, { listener: 'edge' }),
  ask('as many fields as allowed', '/x', { fields: Array.from({ length: 18 }, (_, i) => `x-${i}: 1`) }, { listener: 'edge' }),
  ask('underscore allowed', '/x', { fields: ['x_a: 1'] }),
  ask('underscore refused', '/x', { fields: ['x_a: 1'] }, { listener: 'edge' }),
  ask('underscore dropped', '/x', { fields: ['x_a: 1'] }, { listener: 'forward' }),
  ask('large response head', '/x', { wish: `h=${encode(`x-long: ${long(30_000)}`)}` }),
  of('head timeout', 'GET /x HTTP/1.1\r\nhost: any.test\r\n', { listener: 'impatient' }),
  ask('idle stream', '/x', { wish: `delay=${FOREVER}` }, { listener: 'impatient' }),
  of('body that does not come', bytes('/x', { method: 'POST', fields: ['content-length: 5'] }), { listener: 'impatient' }),
];

const LISTENERS = { main: SIDECAR, edge: EDGE, forward: FORWARD, strict: STRICT, impatient: IMPATIENT };

compareTopic({ name: 'limits', setup: () => ({ listeners: LISTENERS }), cases: CASES });

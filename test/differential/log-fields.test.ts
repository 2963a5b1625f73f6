/** Fields of heads in lines of a log, whatever bytes are in them. */
import { type Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { direct } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

/** UTF-8, a character for each byte. */
const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const VALUES: Readonly<Record<string, string>> = {
  ASCII: 'plain',
  'two bytes': utf8('café'),
  'three bytes': utf8('10 €'),
  'four bytes': utf8('a 🦊'),
  'no UTF-8': 'bad\xe9byte',
  'a part of a character': utf8('€').slice(0, 2),
  'quotes and backslashes': '"a\\b"',
};

const CASES: Case[] = Object.entries(VALUES).map(([name, value]) => ask(name, '/direct', { fields: [`x-a: ${value}`, 'x-b: ü'] }));

compareTopic({
  name: 'fields in logs',
  setup: () => ({
    routes: [direct('/direct', 200, 'yes')],
    log: { only: '%REQ(X-A)%', among: 'ö %REQ(X-A)% %REQ(X-B)%', missing: '%REQ(X-C)%' },
  }),
  cases: CASES,
});

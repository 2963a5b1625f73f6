/** Which Referer fields go on. */
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { SIDECAR } from './framework/listeners.ts';
import { compareTopic } from './framework/topic.ts';

const REFERERS: readonly string[] = [
  'http://a.test/x?y',
  'HTTPS://a.test:8080',
  'http://user:password@a.test/',
  'http://user@a.test',
  'http://a.test/#part',
  'http://a.test/x@y',
  'http:///x',
  'http://',
  'ftp://a.test/x',
  '/path?query=a/b:c@d',
  '/path#part',
  'path/to:it',
  'scheme:it',
  'about:blank',
  '/a b',
  '/a"b',
  '/a%20b',
  '/a[1]',
];

const CASES: Case[] = REFERERS.map((referer, i) => ask(`referer ${i}`, '/x', { fields: [`referer: ${referer}`] }));

compareTopic({ name: 'referers', setup: () => ({ listeners: { main: SIDECAR } }), cases: CASES });

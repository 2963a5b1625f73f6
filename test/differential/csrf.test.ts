/** Changes that pages of other origins ask for. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const share = (numerator: number): JsonObject => ({ default_value: { numerator } });
const POLICY = { filter_enabled: share(100), additional_origins: [{ exact: 'ok.test' }, { suffix: '.good.test' }] };

const ROUTES: JsonObject[] = [
  to('/off', {}, { typed_per_filter_config: perFilter('csrf', 'csrf.v3.CsrfPolicy', { filter_enabled: share(0) }) }),
  to(
    '/shadow',
    {},
    { typed_per_filter_config: perFilter('csrf', 'csrf.v3.CsrfPolicy', { filter_enabled: share(0), shadow_enabled: share(100) }) },
  ),
];

const ORIGINS: readonly [host: string, ...fields: string[]][] = [
  ['any.test'],
  ['any.test', 'origin: http://any.test'],
  ['any.test', 'origin: https://any.test'],
  ['any.test', 'origin: http://any.test/path'],
  ['any.test', 'origin: http://any.test?query'],
  ['any.test', 'origin: http://any.test:80'],
  ['any.test:80', 'origin: http://any.test'],
  ['any.test:81', 'origin: http://any.test:81'],
  ['any.test:99999', 'origin: http://any.test:99999/x'],
  ['any.test', 'origin: http://ANY.test'],
  ['any.test', 'origin: http://user@any.test'],
  ['any.test', 'origin: http://bad.test'],
  ['any.test', 'origin: http://any.test.bad.test'],
  ['any.test', 'origin: http://bad.test/http://any.test'],
  ['any.test', 'origin: http://ok.test'],
  ['any.test', 'origin: ok.test'],
  ['any.test', 'origin: http://a.good.test'],
  ['any.test', 'origin: any.test'],
  ['any.test', 'origin: null'],
  ['any.test', 'origin: null', 'referer: http://any.test/x'],
  ['any.test', 'origin: '],
  ['any.test', 'referer: http://any.test/x'],
  ['any.test', 'referer: http://bad.test/x'],
  ['any.test', 'origin: http://bad.test', 'referer: http://any.test/x'],
  ['any.test', 'origin: foo-x://any.test'],
  ['any.test', 'origin: http:/any.test'],
  ['a_b', 'origin: http://a_b'],
  ['a_b', 'origin: a_b'],
  ['[::1]:80', 'origin: http://[::1]:80'],
];

const CASES: Case[] = [
  ...ORIGINS.map(([host, ...fields]) =>
    ask(`${host} asked from ${fields.join(' and ') || 'nowhere'}`, '/x', { method: 'POST', host, fields }),
  ),
  ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'].map((method) =>
    ask(method, '/x', { method, fields: ['origin: http://bad.test'] }, method === 'HEAD' ? { isHead: true } : {}),
  ),
  ask('off', '/off', { method: 'POST', fields: ['origin: http://bad.test'] }),
  ask('only counted', '/shadow', { method: 'POST', fields: ['origin: http://bad.test'] }),
];

compareTopic({
  name: 'CSRF',
  setup: () => ({ routes: ROUTES, filters: [httpFilter('csrf', 'csrf.v3.CsrfPolicy', POLICY)] }),
  cases: CASES,
});

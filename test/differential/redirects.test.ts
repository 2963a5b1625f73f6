/** Routes that answer by themselves: redirects and direct responses. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { direct, header } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const redirect = (prefix: string, fields: JsonObject): JsonObject => ({ match: { prefix }, redirect: fields });

const REDIRECTS: JsonObject[] = [
  redirect('/r/https', { https_redirect: true }),
  redirect('/r/scheme', { scheme_redirect: 'ftp' }),
  redirect('/r/host', { host_redirect: 'new.test' }),
  redirect('/r/port', { port_redirect: 8443, response_code: 'FOUND' }),
  redirect('/r/path', { path_redirect: '/there', response_code: 'SEE_OTHER' }),
  redirect('/r/query', { path_redirect: '/there?x=1', response_code: 'TEMPORARY_REDIRECT' }),
  redirect('/r/prefix', { prefix_rewrite: '/moved', response_code: 'PERMANENT_REDIRECT' }),
  redirect('/r/regex', { regex_rewrite: { pattern: { regex: '^/r/regex/(.*)$' }, substitution: '/\\1' } }),
  redirect('/r/strip', { host_redirect: 'new.test', strip_query: true }),
];

const CASES: Case[] = [
  ...['https', 'scheme', 'host', 'port', 'path', 'query', 'prefix/sub', 'regex/a/b', 'strip'].flatMap((form) => [
    ask(
      `redirect ${form}`,
      `/r/${form}?x=y`,
      { host: 'old.test' },
      form.includes('/') ? { differs: { 'log.0.path': DIFFERENCES.loggedRedirect } } : {},
    ),
    ask(
      `redirect ${form} with port`,
      `/r/${form}`,
      { host: 'old.test:80' },
      form.includes('/') ? { differs: { 'log.0.path': DIFFERENCES.loggedRedirect } } : {},
    ),
  ]),
  ask('redirect told https', '/r/host', { fields: ['x-forwarded-proto: https'] }),
  ask('redirect told https port', '/r/scheme', { host: 'old.test:443', fields: ['x-forwarded-proto: https'] }),
  ask('redirect of a post', '/r/host', { method: 'POST', body: 'abc' }),
  ask('direct response', '/direct'),
  ask('direct response to HEAD', '/direct', { method: 'HEAD' }, { isHead: true }),
  ask('direct response without body', '/bare'),
  ask('direct response to a body', '/direct', { method: 'POST', body: 'abc' }),
];

const REPLIES: JsonObject[] = [
  direct('/direct', 299, 'straight', { name: 'direct', response_headers_to_add: [header('x-how', 'direct')] }),
  direct('/bare', 204),
];

compareTopic({ name: 'redirects and direct responses', setup: () => ({ routes: [...REDIRECTS, ...REPLIES] }), cases: CASES });

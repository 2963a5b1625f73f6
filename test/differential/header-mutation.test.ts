/** Headers, trailers and query parameters that are changed. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field } from './framework/wishes.ts';

const set = (key: string, value: string, append_action = 'OVERWRITE_IF_EXISTS_OR_ADD', more: JsonObject = {}): JsonObject => ({
  append: { header: { key, value }, append_action, ...more },
});
const parameter = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD'): JsonObject => ({
  append: { record: { key, value }, action },
});

const ROUTES: JsonObject[] = [];

function mutated(name: string, mutations: JsonObject, query = '', fields: readonly string[] = []): Case {
  const path = `/${name.replaceAll(' ', '-')}`;
  ROUTES.push(
    to(path, {}, { typed_per_filter_config: perFilter('header_mutation', 'header_mutation.v3.HeaderMutationPerRoute', { mutations }) }),
  );
  return ask(name, `${path}${query}`, { fields: ['x-a: 1', 'x-b: 2', ...fields], wish: `${field('x-r: 1')};${field('y-r: 2')}` });
}

const request = (...request_mutations: JsonObject[]): JsonObject => ({ request_mutations });
const response = (...response_mutations: JsonObject[]): JsonObject => ({ response_mutations });
const query = (...query_parameter_mutations: JsonObject[]): JsonObject => ({ query_parameter_mutations });

const CASES: Case[] = [
  ask('the filter alone', '/rest'),
  mutated('overwritten', request(set('x-a', '9'))),
  mutated('added to', request(set('x-a', '%REQ(x-b)%', 'APPEND_IF_EXISTS_OR_ADD'))),
  mutated('not added where it is', request(set('x-a', '9', 'ADD_IF_ABSENT'))),
  mutated('added where it is not', request(set('x-c', '9', 'ADD_IF_ABSENT'))),
  mutated('overwritten only where it is', request(set('x-a', '9', 'OVERWRITE_IF_EXISTS'), set('x-c', '9', 'OVERWRITE_IF_EXISTS'))),
  mutated('value that is missing', request(set('x-a', '%REQ(x-none)%'))),
  mutated('value that is partly missing', request(set('x-a', 'a%REQ(x-none)%b'))),
  mutated('empty value', request(set('x-a', '', 'OVERWRITE_IF_EXISTS_OR_ADD', { keep_empty_value: true }))),
  mutated('removed', request({ remove: 'x-a' })),
  mutated('removed by a matcher', request({ remove_on_match: { key_matcher: { prefix: 'x-' } } })),
  mutated('in order', request(set('x-n', '1'), { remove: 'x-n' }, { remove: 'x-a' }, set('x-a', '5'))),
  mutated('response', response(set('x-r', '%RESP(y-r)%-%REQ(x-a)%-%RESPONSE_CODE%'), { remove: 'y-r' })),
  mutated('response by a matcher', response({ remove_on_match: { key_matcher: { suffix: '-r' } } })),

  mutated('parameter', query(parameter('z', '1')), '?b=2&a=1'),
  mutated('parameter without query', query(parameter('z', '1'))),
  mutated('parameter to be encoded', query(parameter('z', "a b&=?/#%REQ(x-a)%~._-!'()*")), '?b=2'),
  mutated('parameter that is there', query(parameter('b', '3')), '?b=2&a=1&b=1'),
  mutated('parameter overwritten', query(parameter('b', '3', 'OVERWRITE_IF_EXISTS_OR_ADD')), '?b=2&a=1&b=1'),
  mutated('parameter not added', query(parameter('b', '3', 'ADD_IF_ABSENT'), parameter('c', '3', 'OVERWRITE_IF_EXISTS')), '?b=2&a=1'),
  mutated('parameter removed', query({ remove: 'b' }), '?b=2&a=1&b=1'),
  mutated('the last parameter removed', query({ remove: 'b' }), '?b=2'),
  mutated('parameter without value', query(parameter('z', '%REQ(x-none)%')), '?n&a='),
  mutated('empty parameters', query(parameter('z', '1')), '?&a=1&&=v&'),
  differing(mutated('escaped parameter', query(parameter('z', '1')), '?a=%41%26b'), {
    'upstream.0.line': DIFFERENCES.keptEscapes,
    'log.0.path': DIFFERENCES.keptEscapes,
    'log.0.first_path': DIFFERENCES.keptEscapes,
  }),
  mutated('query of nothing', query(parameter('z', '1')), '?'),
];

const LEVELS = (wins: boolean): JsonObject => ({
  mutations: request(set('x-level', 'filter', 'APPEND_IF_EXISTS_OR_ADD')),
  most_specific_header_mutations_wins: wins,
});
const level = (name: string): JsonObject =>
  perFilter('header_mutation', 'header_mutation.v3.HeaderMutationPerRoute', {
    mutations: request(set('x-level', name, 'APPEND_IF_EXISTS_OR_ADD')),
  });

compareTopic({
  name: 'header mutation',
  setup: () => ({
    listeners: {
      main: { filters: [httpFilter('header_mutation', 'header_mutation.v3.HeaderMutation', LEVELS(false))] },
      wins: { filters: [httpFilter('header_mutation', 'header_mutation.v3.HeaderMutation', LEVELS(true))] },
    },
    hosts: [
      {
        name: 'levels',
        domains: ['levels.test'],
        routes: [to('/', {}, { typed_per_filter_config: level('route') })],
        typed_per_filter_config: level('host'),
      },
      { name: 'mutated', domains: ['any.test'], routes: [...ROUTES, to('/')] },
    ],
    table: { typed_per_filter_config: level('table') },
  }),
  cases: [
    ...CASES,
    ask('levels', '/', { host: 'levels.test' }),
    ask('levels the other way', '/', { host: 'levels.test' }, { listener: 'wins' }),
  ],
});

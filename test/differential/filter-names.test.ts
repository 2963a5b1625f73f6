/** Filters by the names of their entries: what routes say to a name, and two filters of one kind. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, to, type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const KIND = 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation';

const adding = (key: string, value: string): JsonObject => ({
  request_mutations: [{ append: { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } }],
});

const named = (name: string, key: string): JsonObject => ({
  ...httpFilter('header_mutation', 'header_mutation.v3.HeaderMutation', { mutations: adding(key, 'filter') }),
  name,
});

const ofRoute = (key: string): JsonObject => type(`${KIND}PerRoute`, { mutations: adding(key, 'route') });
const off = type('envoy.config.route.v3.FilterConfig', { disabled: true });

const ROUTES: JsonObject[] = [
  to('/first', {}, { typed_per_filter_config: { 'my.first': ofRoute('x-first') } }),
  to('/second', {}, { typed_per_filter_config: { second: ofRoute('x-second') } }),
  to('/both', {}, { typed_per_filter_config: { 'my.first': ofRoute('x-first'), second: ofRoute('x-second') } }),
  to('/kind', {}, { typed_per_filter_config: { 'envoy.filters.http.header_mutation': ofRoute('x-first') } }),
  to('/nobody', {}, { typed_per_filter_config: { nobody: ofRoute('x-first') } }),
  to('/off', {}, { typed_per_filter_config: { 'my.first': off } }),
  to('/off-kind', {}, { typed_per_filter_config: { 'envoy.filters.http.header_mutation': off } }),
];

const CASES: Case[] = [
  ask('the first by its name', '/first', {}, { expects: { 'upstream.0.fields.x-first.0': 'route' } }),
  ask('the second by its name', '/second'),
  ask('both', '/both'),
  ask('by the name of the kind', '/kind'),
  ask('by a name that nobody has', '/nobody'),
  ask('off by its name', '/off'),
  ask('off by the name of the kind', '/off-kind'),
  ask('a route without a word', '/plain'),
];

compareTopic({
  name: 'names of filters',
  setup: () => ({ filters: [named('my.first', 'x-first'), named('second', 'x-second')], routes: ROUTES }),
  cases: CASES,
});

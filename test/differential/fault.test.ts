/** Faults that are injected. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const fault = (fields: JsonObject): JsonObject => perFilter('fault', 'fault.v3.HTTPFault', fields);
const ALWAYS = { numerator: 100 };

const ROUTES: JsonObject[] = [
  to('/fault/abort', {}, { typed_per_filter_config: fault({ abort: { http_status: 418, percentage: ALWAYS } }) }),
  to('/fault/delay', {}, { typed_per_filter_config: fault({ delay: { fixed_delay: '0.05s', percentage: ALWAYS } }) }),
  to(
    '/fault/both',
    {},
    {
      typed_per_filter_config: fault({
        delay: { fixed_delay: '0.02s', percentage: ALWAYS },
        abort: { http_status: 503, percentage: ALWAYS },
      }),
    },
  ),
  to(
    '/fault/some',
    {},
    {
      typed_per_filter_config: fault({
        abort: { http_status: 500, percentage: ALWAYS },
        headers: [{ name: 'x-fail', present_match: true }],
      }),
    },
  ),
];

const CASES: Case[] = [
  ask('fault abort', '/fault/abort'),
  ask('fault delay', '/fault/delay'),
  ask('fault both', '/fault/both'),
  ask('fault by header', '/fault/some', { fields: ['x-fail: 1'] }),
  ask('no fault by header', '/fault/some'),
];

compareTopic({ name: 'faults', setup: () => ({ routes: ROUTES, filters: [httpFilter('fault', 'fault.v3.HTTPFault')] }), cases: CASES });

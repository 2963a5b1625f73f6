/** Cross-origin resource sharing. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const encode = encodeURIComponent;

const ROUTES: JsonObject[] = [
  to(
    '/cors',
    {},
    {
      typed_per_filter_config: {
        ...perFilter('cors', 'cors.v3.CorsPolicy', {
          allow_origin_string_match: [{ exact: 'https://good.test' }],
          allow_methods: 'GET,PUT',
          allow_headers: 'x-a',
          expose_headers: 'x-b',
          max_age: '60',
          allow_credentials: true,
        }),
      },
    },
  ),
];

const preflight = ['origin: https://good.test', 'access-control-request-method: PUT'];

const CASES: Case[] = [
  ask('cors preflight', '/cors', { method: 'OPTIONS', fields: preflight }),
  ask('cors preflight of a stranger', '/cors', {
    method: 'OPTIONS',
    fields: ['origin: https://bad.test', 'access-control-request-method: PUT'],
  }),
  ask('cors without policy', '/x', { method: 'OPTIONS', fields: preflight }),
  ask('cors request', '/cors', { fields: ['origin: https://good.test'] }),
  ask('cors request of a stranger', '/cors', { fields: ['origin: https://bad.test'] }),
  ask('cors request answered by origin', '/cors', {
    fields: ['origin: https://good.test'],
    wish: `h=${encode('access-control-allow-origin: *')}`,
  }),
];

compareTopic({ name: 'CORS', setup: () => ({ routes: ROUTES, filters: [httpFilter('cors', 'cors.v3.Cors')] }), cases: CASES });

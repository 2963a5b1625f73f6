import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkServices } from './services.ts';

const service = (fields: object, ...ready: boolean[]): Record<string, unknown> => ({
  namespace: 'shop',
  name: 'cart',
  resolution: 'static',
  endpoints: ready.map((isReady) => ({ isReady })),
  ...fields,
});

const CASES = [
  { name: 'one of two ready', row: service({}, false, true), details: [] },
  { name: 'none of two ready', row: service({}, false, false), details: ['none of its 2 endpoints is ready: calls get 503'] },
  { name: 'none at all', row: service({}), details: ['has no endpoints: calls get 503'] },
  { name: 'addresses that clients choose', row: service({ resolution: 'none' }), details: [] },
];

for (const { name, row, details } of CASES)
  test(`a service with ${name}`, () => {
    assert.deepEqual(
      checkServices([row]).map((finding) => [finding.name, finding.result, finding.detail]),
      details.map((detail) => ['service shop/cart', 'warning', detail]),
    );
  });

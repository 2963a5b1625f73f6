/** What is explained of policies is what the engine decides: for generated policies and requests, and in words for a few. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { loadRe2 } from '../../core/re2.ts';
import { RBACSchema } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeTls } from '../telemetry/testing/fake-stream.ts';
import type { AuthzInput } from './condition.ts';
import { compileEngine } from './engine.ts';
import { explainPolicies } from './explain.ts';

await loadRe2();

const word = fc.constantFrom('a', 'b');

const permission: fc.Arbitrary<JsonObject> = fc.letrec<{ node: JsonObject }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constant<JsonObject>({ any: true }),
    word.map((exact): JsonObject => ({ header: { name: 'x', string_match: { exact } } })),
    word.map((text): JsonObject => ({ url_path: { path: { exact: `/${text}` } } })),
    fc.constantFrom(80, 8080).map((port): JsonObject => ({ destination_port: port })),
    tie('node').map((inner): JsonObject => ({ not_rule: inner })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((rules): JsonObject => ({ and_rules: { rules } })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((rules): JsonObject => ({ or_rules: { rules } })),
  ),
})).node;

const principal: fc.Arbitrary<JsonObject> = fc.letrec<{ node: JsonObject }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constant<JsonObject>({ any: true }),
    word.map((text): JsonObject => ({ authenticated: { principal_name: { exact: `spiffe://${text}` } } })),
    tie('node').map((inner): JsonObject => ({ not_id: inner })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((ids): JsonObject => ({ and_ids: { ids } })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((ids): JsonObject => ({ or_ids: { ids } })),
  ),
})).node;

function inputOf(who: string, path: string, x: string): AuthzInput {
  const connection = fakeConnection({ tls: fakeTls(`spiffe://${who}`) });
  return { connection, request: fakeRequest({ path: `/${path}` }, { x }), info: fakeInfo() };
}

test('the policy that decides is the first that is explained to match, and every other says why not', () => {
  const policies = fc.array(
    fc.record({
      permissions: fc.array(permission, { minLength: 1, maxLength: 2 }),
      principals: fc.array(principal, { minLength: 1, maxLength: 2 }),
    }),
    {
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(policies, word, word, word, (list, who, path, x) => {
      const rbac = fromJson(RBACSchema, { action: 'ALLOW', policies: Object.fromEntries(list.map((policy, i) => [`p${i}`, policy])) });
      const input = inputOf(who, path, x);
      const explained = explainPolicies(rbac, input);
      assert.equal(explained.find(({ matches }) => matches)?.name, compileEngine(rbac, 'rules').decide(input).policy);
      for (const { matches, who: principals, what } of explained) {
        for (const { holds, failing } of [...principals, ...what]) assert.equal(failing.length === 0, holds);
        assert.equal(matches, principals.some(({ holds }) => holds) && what.some(({ holds }) => holds));
      }
    }),
  );
});

test('what keeps a policy from matching is said', () => {
  const rbac = fromJson(RBACSchema, {
    policies: {
      p: {
        permissions: [
          {
            and_rules: {
              rules: [
                { or_rules: { rules: ['a', 'b'].map((text) => ({ url_path: { path: { exact: `/${text}` } } })) } },
                { not_rule: { header: { name: 'x', string_match: { exact: 'v' } } } },
              ],
            },
          },
        ],
        principals: [{ authenticated: { principal_name: { suffix: '/sa/cart' } } }],
      },
    },
  });
  const [policy] = explainPolicies(rbac, inputOf('ann', 'c', 'v'));
  assert.deepEqual(policy, {
    name: 'p',
    matches: false,
    who: [{ holds: false, failing: [{ what: 'source', wants: 'suffix "/sa/cart"', has: 'spiffe://ann' }] }],
    what: [
      {
        holds: false,
        failing: [
          { what: 'path', wants: 'exact "/a" or exact "/b"', has: '/c' },
          { what: 'header x', wants: 'not exact "v"', has: 'v' },
        ],
      },
    ],
  });
});

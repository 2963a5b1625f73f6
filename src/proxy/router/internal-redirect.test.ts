import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { fakeResponse } from '../telemetry/testing/fake-stream.ts';
import { followRedirect, type InternalRedirect, type RedirectStep } from './internal-redirect.ts';
import { forwardOf, type Given, headOf } from './testing/routes.ts';

const EXTENSION = 'type.googleapis.com/envoy.extensions.internal_redirect';

function policyOf(policy: JsonObject): InternalRedirect {
  const { internalRedirect } = forwardOf({ internal_redirect_policy: policy });
  if (internalRedirect === undefined) throw new Error('no policy');
  return internalRedirect;
}

function follow(policy: InternalRedirect, status: number, location: string | undefined, given: Given = {}, followed = 0) {
  return followRedirect(
    policy,
    fakeResponse(status, location === undefined ? {} : { location }),
    headOf({ path: '/from?q', ...given }),
    followed,
  );
}

test('absolute redirects of a configured status are followed, so many times', () => {
  const plain = policyOf({});
  assert.deepEqual(follow(plain, 302, 'http://b.com/x?y=1#frag'), {
    scheme: 'http',
    authority: 'b.com',
    path: '/x?y=1',
    originalUrl: 'http://a.com/from?q',
    becomesGet: false,
  });
  assert.equal(follow(plain, 302, 'HTTP://b.com')?.path, '/');
  assert.equal(follow(plain, 302, 'http://b.com?q')?.path, '/?q');
  const unfollowed: [status: number, location: string | undefined, followed: number][] = [
    [301, 'http://b.com/', 0],
    [302, 'http://b.com/', 1],
    [302, '/relative', 0],
    [302, '//b.com/', 0],
    [302, 'https://b.com/', 0],
    [302, 'ftp://b.com/', 0],
    [302, undefined, 0],
  ];
  for (const [status, location, followed] of unfollowed) assert.equal(follow(plain, status, location, {}, followed), undefined, location);
  assert.equal(follow(policyOf({ max_internal_redirects: 0 }), 302, 'http://b.com/'), undefined);
  const other = policyOf({ redirect_response_codes: [301, 303, 200], allow_cross_scheme_redirect: true, max_internal_redirects: 3 });
  assert.equal(follow(other, 302, 'http://b.com/'), undefined);
  assert.equal(follow(other, 200, 'http://b.com/'), undefined);
  assert.equal(follow(other, 301, 'https://b.com/', {}, 2)?.scheme, 'https');
  assert.equal(follow(other, 301, 'https://b.com/', {}, 3), undefined);
  assert.equal(follow(plain, 302, 'https://b.com/', { headers: { 'x-forwarded-proto': 'https' } })?.scheme, 'https');
});

test('303 asks with GET', () => {
  const policy = policyOf({ redirect_response_codes: [303, 307] });
  assert.equal(follow(policy, 303, 'http://b.com/', { method: 'POST' })?.becomesGet, true);
  assert.equal(follow(policy, 303, 'http://b.com/', { method: 'HEAD' })?.becomesGet, false);
  assert.equal(follow(policy, 307, 'http://b.com/', { method: 'POST' })?.becomesGet, false);
});

test('predicates decide by the route that would be taken', () => {
  const step = (more: Partial<RedirectStep>): RedirectStep => ({ routes: ['a'], target: 'b', isFromTls: false, isToTls: false, ...more });
  const allowing = (type: string, more: JsonObject = {}) =>
    policyOf({ predicates: [{ name: 'p', typed_config: { '@type': `${EXTENSION}.${type}`, ...more } }] }).allows;
  const listed = allowing('allow_listed_routes.v3.AllowListedRoutesConfig', { allowed_route_names: ['b', 'c'] });
  assert.deepEqual([listed(step({})), listed(step({ target: 'd' }))], [true, false]);
  const previous = allowing('previous_routes.v3.PreviousRoutesConfig');
  assert.deepEqual([previous(step({})), previous(step({ target: 'a' }))], [true, false]);
  const scheme = allowing('safe_cross_scheme.v3.SafeCrossSchemeConfig');
  assert.deepEqual(
    [
      [false, false],
      [true, false],
      [true, true],
      [false, true],
    ].map(([isFromTls = false, isToTls = false]) => scheme(step({ isFromTls, isToTls }))),
    [true, true, true, false],
  );
  assert.throws(
    () => policyOf({ predicates: [{ name: 'p' }] }),
    /internal_redirect_policy\.predicates\[0\]: predicate "p" is not supported/,
  );
});

test('the deprecated form', () => {
  const { internalRedirect } = forwardOf({ internal_redirect_action: 'HANDLE_INTERNAL_REDIRECT', max_internal_redirects: 4 });
  assert.equal(internalRedirect?.maxRedirects, 4);
  assert.equal(forwardOf({ internal_redirect_action: 'PASS_THROUGH_INTERNAL_REDIRECT' }).internalRedirect, undefined);
  assert.deepEqual(policyOf({ response_headers_to_copy: ['X-A'] }).headersToCopy, ['x-a']);
});

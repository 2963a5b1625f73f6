import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { LocalRateLimitDescriptorSchema } from '../../../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import { TokenBucketSchema } from '../../../../xds/gen/envoy/type/v3/token_bucket_pb.ts';
import { descriptorKey } from '../../../router/rate-limit-policy.ts';
import { Limiter, readBucket, readDescriptors } from './limiter.ts';

const HOUR = { fillInterval: '3600s' };

function descriptor(entries: Record<string, string>, maxTokens: number, more: JsonObject = {}): JsonObject {
  return { entries: Object.entries(entries).map(([key, value]) => ({ key, value })), tokenBucket: { maxTokens, ...HOUR }, ...more };
}

function limiterOf(
  main: number | undefined,
  descriptors: readonly JsonObject[],
  more: Partial<ConstructorParameters<typeof Limiter>[0]> = {},
): Limiter {
  return new Limiter({
    main: main === undefined ? undefined : { maxTokens: main, perSecond: 0.001 },
    descriptors: readDescriptors(
      descriptors.map((each) => fromJson(LocalRateLimitDescriptorSchema, each)),
      'd',
    ),
    isMainAlwaysAsked: true,
    maxDynamic: 2,
    ...more,
  });
}

/** `+` for every request that may pass, `-` for every other, `s` for one that only a shadow would have stopped. */
function answers(limiter: Limiter, requests: readonly (readonly string[])[]): string {
  return requests
    .map((descriptors) => limiter.decide(descriptors, 0))
    .map(({ isAllowed, isShadowed }) => (isShadowed ? 's' : isAllowed ? '+' : '-'))
    .join('');
}

const of = (entries: Record<string, string>): string => descriptorKey(Object.entries(entries));
const BOB = of({ user: 'bob' });
const EVE = of({ user: 'eve' });

const CASES: readonly [name: string, limiter: Limiter, requests: readonly (readonly string[])[], want: string][] = [
  ['one bucket for all', limiterOf(2, []), [[], [], []], '++-'],
  ['no bucket for all', limiterOf(undefined, []), [[], [], []], '+++'],
  ['a bucket without room lets nobody through', limiterOf(0, []), [[], []], '--'],
  ['a descriptor has its own bucket', limiterOf(9, [descriptor({ user: 'bob' }, 1)]), [[BOB], [EVE], [BOB]], '++-'],
  ['and takes from the one for all', limiterOf(2, [descriptor({ user: 'bob' }, 9)]), [[BOB], [BOB], [BOB]], '++-'],
  [
    'unless it is asked only without',
    limiterOf(0, [descriptor({ user: 'bob' }, 2)], { isMainAlwaysAsked: false }),
    [[BOB], [BOB], [BOB]],
    '++-',
  ],
  [
    'an empty value stands for every value, each with a bucket',
    limiterOf(9, [descriptor({ user: '' }, 1)]),
    [[BOB], [EVE], [BOB], [EVE]],
    '++--',
  ],
  [
    'the values that were seen last',
    limiterOf(99, [descriptor({ user: '' }, 1)]),
    ['a', 'b', 'a', 'c', 'a', 'b'].map((user) => [of({ user })]),
    '++-+-+',
  ],
  ['all entries count', limiterOf(9, [descriptor({ user: 'bob', path: '/' }, 0)]), [[BOB], [of({ user: 'bob', path: '/' })]], '+-'],
  ['a shadow counts and lets pass', limiterOf(9, [descriptor({ user: 'bob' }, 1, { shadowMode: true })]), [[BOB], [BOB]], '+s'],
  ['behind a shadow the one for all is asked', limiterOf(1, [descriptor({ user: 'bob' }, 1, { shadowMode: true })]), [[BOB], [BOB]], '+-'],
];

for (const [name, limiter, requests, want] of CASES) {
  test(name, () => assert.equal(answers(limiter, requests), want));
}

test('the slowest of several descriptors is asked first, and its bucket is told of', () => {
  const fast = descriptor({ user: 'eve' }, 5, { tokenBucket: { maxTokens: 5, fillInterval: '1s' } });
  const limiter = limiterOf(9, [descriptor({ user: 'bob' }, 1), fast]);
  assert.equal(limiter.decide([EVE, BOB], 0).bucket?.maxTokens, 1);
  assert.deepEqual(
    [limiter.decide([EVE, BOB], 0), limiter.decide([EVE], 0)].map(({ isAllowed, bucket }) => [isAllowed, bucket?.remaining(0)]),
    [
      [false, 0],
      [true, 3],
    ],
  );
});

for (const [bucket, message] of [
  [{ maxTokens: 1, fillInterval: '0.049s' }, /b\.fill_interval: 49 ms is less than 50 ms/],
  [{ maxTokens: 1 }, /b\.fill_interval/],
  [{ maxTokens: 1, tokensPerFill: 0, fillInterval: '1s' }, /b\.tokens_per_fill: is not above zero/],
] as const) {
  test(`a bucket is refused: ${JSON.stringify(bucket)}`, () => {
    assert.throws(() => readBucket(fromJson(TokenBucketSchema, bucket), 'b'), message);
  });
}

test('descriptors are refused that say nothing, or the same', () => {
  const read = (...all: JsonObject[]) =>
    readDescriptors(
      all.map((each) => fromJson(LocalRateLimitDescriptorSchema, each)),
      'd',
    );
  assert.throws(() => read(descriptor({}, 1)), /d\[0\]\.entries: is empty/);
  assert.throws(() => read(descriptor({ a: 'b' }, 1), descriptor({ a: 'b' }, 2)), /d\[1\]: is the same descriptor/);
  assert.throws(
    () => readDescriptors([create(LocalRateLimitDescriptorSchema, { entries: [{ key: 'a', value: 'b' }] })], 'd'),
    /token_bucket: is missing/,
  );
});

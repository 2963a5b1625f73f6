import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRolloutPolicy, type RolloutPolicy } from '../../model/rollout.ts';
import { beginStep, type Canary, observe, type Observation } from './canary.ts';

const POLICY: RolloutPolicy = {
  steps: [
    { kind: 'percent', percent: 10 },
    { kind: 'percent', percent: 50 },
  ],
  intervalMs: 10,
  ackTimeoutMs: 5,
  errorRateMax: 0.1,
  requestsMin: 10,
};

function proxy(id: string, more: Partial<Observation> = {}): Observation {
  return { id, name: id, connectedAtMs: 1, isSettled: true, rejections: 0, rejection: '', traffic: undefined, ...more };
}

const traffic = (requests: number, failed: number): Partial<Observation> => ({ traffic: { requests, failed } });

interface Case {
  readonly name: string;
  readonly policy?: Partial<RolloutPolicy>;
  readonly step?: number;
  readonly before: readonly Observation[];
  /** What is seen when, and what is decided then. */
  readonly after: readonly (readonly [atMs: number, now: readonly Observation[], want: string])[];
}

const CASES: readonly Case[] = [
  {
    name: 'a step is watched for its time from the last acknowledgement on',
    before: [proxy('a'), proxy('b')],
    after: [
      [1, [proxy('a'), proxy('b', { isSettled: false })], 'wait'],
      [4, [proxy('a'), proxy('b')], 'wait'],
      [13, [proxy('a'), proxy('b')], 'wait'],
      [14, [proxy('a'), proxy('b')], 'advance'],
    ],
  },
  {
    name: 'after the last step everybody gets it',
    step: 1,
    before: [proxy('a')],
    after: [
      [0, [proxy('a')], 'wait'],
      [10, [proxy('a')], 'promote'],
    ],
  },
  {
    name: 'who does not answer in time reverts it',
    before: [proxy('a')],
    after: [
      [4, [proxy('a', { isSettled: false })], 'wait'],
      [5, [proxy('a', { isSettled: false })], 'a did not answer in 0.005 s'],
    ],
  },
  {
    name: 'a refusal reverts it at once, one of before does not',
    before: [proxy('a', { rejections: 1, rejection: 'old' }), proxy('b')],
    after: [
      [1, [proxy('a', { rejections: 1, rejection: 'old' }), proxy('b')], 'wait'],
      [2, [proxy('a', { rejections: 1, rejection: 'old' }), proxy('b', { rejections: 1, rejection: 'RDS: no' })], 'b refused RDS: no'],
    ],
  },
  {
    name: 'a refusal of a proxy that came in between counts',
    before: [proxy('a')],
    after: [[1, [proxy('a'), proxy('b', { rejections: 1, rejection: 'LDS: no' })], 'b refused LDS: no']],
  },
  {
    name: 'failing requests revert it, once there are enough of them',
    before: [proxy('a', traffic(1000, 0)), proxy('b')],
    after: [
      [1, [proxy('a', traffic(1009, 9)), proxy('b')], 'wait'],
      [2, [proxy('a', traffic(1010, 9)), proxy('b')], '9 of 10 requests of its proxies failed, 90 %; 10 % may'],
    ],
  },
  {
    name: 'requests that failed before fail on',
    before: [proxy('a', traffic(100, 50))],
    after: [
      [1, [proxy('a', traffic(200, 109))], 'wait'],
      [2, [proxy('a', traffic(200, 111))], '61 of 100 requests of its proxies failed, 61 % (50 % did before); 10 % may'],
    ],
  },
  {
    name: 'a proxy that was started anew counts from zero',
    before: [proxy('a', traffic(100, 0))],
    after: [
      [1, [proxy('a', { connectedAtMs: 2, ...traffic(20, 1) })], 'wait'],
      [2, [proxy('a', { connectedAtMs: 2, ...traffic(30, 6) })], '6 of 30 requests of its proxies failed, 20 %; 10 % may'],
    ],
  },
  {
    name: 'a proxy that comes again and again reverts it',
    before: [proxy('a')],
    after: [
      [1, [proxy('a', { connectedAtMs: 2 })], 'wait'],
      [2, [], 'wait'],
      [3, [proxy('a', { connectedAtMs: 3 })], 'wait'],
      [4, [proxy('a', { connectedAtMs: 4 })], 'a has lost its stream 3 times'],
    ],
  },
  {
    name: 'a percentage of nobody goes on',
    before: [],
    after: [
      [4, [], 'wait'],
      [5, [], 'advance'],
    ],
  },
  {
    name: 'a revision that nobody has is a mistake',
    policy: { steps: [{ kind: 'revision', revision: 'canary' }] },
    before: [],
    after: [[5, [], 'no proxy of revision canary is connected']],
  },
];

for (const { name, policy, step = 0, before, after } of CASES) {
  test(`canary: ${name}`, () => {
    let canary: Canary = beginStep({ ...POLICY, ...policy }, step, before, 0);
    for (const [atMs, now, want] of after) {
      const seen = observe(canary, now, atMs);
      canary = seen.canary;
      assert.equal(seen.decision.kind === 'revert' ? seen.decision.reason : seen.decision.kind, want, `at ${atMs}`);
    }
  });
}

test('the default policy has steps', () => assert.ok(defaultRolloutPolicy.steps.length > 0));

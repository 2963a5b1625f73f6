import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextCheckMs, firstCheckMs } from './check-intervals.ts';
import { type CheckResult, CheckState, type Transition } from './check-state.ts';
import { failed } from './probe.ts';

const pass: CheckResult = { kind: 'passed', isDegraded: false };
const degraded: CheckResult = { kind: 'passed', isDegraded: true };
const no = failed('ACTIVE', { status: 500 });
const retriable = failed('ACTIVE', { status: 503, isRetriable: true });
const network = failed('NETWORK');
const timeout = failed('NETWORK_TIMEOUT');
const unwell = failed('PASSIVE', { isExcluding: true });

const flags = (state: CheckState): string =>
  [
    state.isFailing ? 'failing' : '',
    state.isDegraded ? 'degraded' : '',
    state.hasTimedOut ? 'timeout' : '',
    state.isExcluded ? 'excluded' : '',
    state.isPending ? 'pending' : '',
  ]
    .filter((flag) => flag !== '')
    .join(' ');

/** Results in their order, each with what it makes of the host. Thresholds: 3 to fall ill, 2 to recover. */
const CASES: readonly (readonly [name: string, steps: readonly (readonly [CheckResult, Transition, flags: string])[]])[] = [
  ['the first check that passes makes a host healthy at once', [[pass, 'changed', '']]],
  [
    'a host that failed its first check recovers by the threshold',
    [
      [no, 'unchanged', 'failing'],
      [pass, 'pending', 'failing'],
      [no, 'unchanged', 'failing'],
      [pass, 'pending', 'failing'],
      [pass, 'changed', ''],
    ],
  ],
  [
    'an answer that says no counts at once',
    [
      [pass, 'changed', ''],
      [no, 'changed', 'failing'],
    ],
  ],
  [
    'failures of the network and retriable answers count together, and a pass forgets them',
    [
      [pass, 'changed', ''],
      [network, 'pending', ''],
      [retriable, 'pending', ''],
      [pass, 'unchanged', ''],
      [network, 'pending', ''],
      [timeout, 'pending', ''],
      [retriable, 'changed', 'failing'],
    ],
  ],
  [
    'a timeout is told apart while the host fails',
    [
      [timeout, 'unchanged', 'failing timeout'],
      [network, 'unchanged', 'failing'],
      [timeout, 'unchanged', 'failing timeout'],
      [pass, 'pending', 'failing timeout'],
      [pass, 'changed', ''],
    ],
  ],
  [
    'a degraded host passes, and may fall ill while it is degraded',
    [
      [degraded, 'changed', 'degraded'],
      [degraded, 'unchanged', 'degraded'],
      [no, 'changed', 'failing degraded'],
      [pass, 'pending', 'failing'],
      [degraded, 'changed', 'degraded'],
      [pass, 'changed', ''],
    ],
  ],
  [
    'a host that asks to be left alone is out at once, and is not counted',
    [
      [pass, 'changed', ''],
      [unwell, 'changed', 'failing excluded'],
      [pass, 'pending', 'failing excluded'],
      [pass, 'changed', ''],
    ],
  ],
];

for (const [name, steps] of CASES) {
  test(name, () => {
    const state = new CheckState(false);
    assert.equal(flags(state), 'failing');
    for (const [i, [result, transition, want]] of steps.entries()) {
      assert.equal(state.take(result, { healthy: 2, unhealthy: 3 }).transition, transition, `transition of step ${i}`);
      assert.equal(flags(state), want, `flags after step ${i}`);
    }
  });
}

test('a host that is left out of account until its first check is counted after it, however it ends', () => {
  const state = new CheckState(true);
  assert.equal(flags(state), 'failing pending');
  assert.equal(state.take(no, { healthy: 2, unhealthy: 3 }).transition, 'changed');
  assert.equal(flags(state), 'failing');
});

test('events', () => {
  const state = new CheckState(false);
  const events = [no, pass, degraded, degraded, pass, network].flatMap((result) => state.take(result, { healthy: 2, unhealthy: 1 }).events);
  assert.deepEqual(
    events.map((event) => ('isFirst' in event ? `${event.kind} ${event.isFirst}` : event.kind)),
    [
      'failure true',
      'success',
      'add_healthy false',
      'degraded',
      'success',
      'success',
      'no_longer_degraded',
      'eject_unhealthy',
      'failure false',
    ],
  );
});

const INTERVALS = {
  intervalMs: 1000,
  noTrafficMs: 2000,
  noTrafficHealthyMs: 3000,
  unhealthyMs: 4000,
  unhealthyEdgeMs: 5000,
  healthyEdgeMs: 6000,
  initialJitterMs: 0,
  jitterMs: 0,
  jitterPercent: 0,
};

const NEXT: readonly (readonly [hasPassed: boolean, transition: Transition, hasTraffic: boolean, wantMs: number])[] = [
  [true, 'unchanged', true, 1000],
  [true, 'changed', true, 1000],
  [true, 'pending', true, 6000],
  [false, 'unchanged', true, 4000],
  [false, 'changed', true, 4000],
  [false, 'pending', true, 5000],
  [true, 'unchanged', false, 3000],
  [true, 'changed', false, 3000],
  [true, 'pending', false, 2000],
  [false, 'unchanged', false, 2000],
];

for (const [hasPassed, transition, hasTraffic, wantMs] of NEXT) {
  test(`after a check that ${hasPassed ? 'passed' : 'failed'}, ${transition}, ${hasTraffic ? 'with' : 'without'} traffic: ${wantMs} ms`, () => {
    assert.equal(
      nextCheckMs(INTERVALS, { hasPassed, transition, hasTraffic }, () => 0.9),
      wantMs,
    );
  });
}

test('jitter lengthens intervals, by a share and by a time', () => {
  const last = { hasPassed: true, transition: 'unchanged', hasTraffic: true } as const;
  const jittered = { ...INTERVALS, jitterMs: 100, jitterPercent: 50 };
  assert.equal(
    nextCheckMs(jittered, last, () => 0.5),
    1000 + 250 + 50,
  );
  assert.equal(
    nextCheckMs(jittered, last, () => 0),
    1000,
  );
  assert.equal(
    firstCheckMs(INTERVALS, () => 0.5),
    0,
  );
  assert.equal(
    firstCheckMs({ ...jittered, initialJitterMs: 500 }, () => 0.5),
    250,
  );
  assert.equal(
    firstCheckMs({ ...jittered, initialJitterMs: 500 }, () => 0),
    1,
    'never at once',
  );
});

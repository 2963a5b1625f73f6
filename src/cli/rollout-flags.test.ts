import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { addRolloutFlags, policyOf } from './rollout-flags.ts';

/** The policy that a command line asks for, or what is wrong with it. */
function policy(...args: readonly string[]): unknown {
  const command = addRolloutFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse(args, { from: 'user' });
    return policyOf(command.opts());
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

const NOTHING = { steps: undefined, intervalMs: undefined, ackTimeoutMs: undefined, errorRateMax: undefined, requestsMin: undefined };

const CASES: readonly (readonly [line: string, want: unknown])[] = [
  ['', undefined],
  ['--at-once', null],
  ['--canary 10%,rev=canary', { ...NOTHING, steps: [{ percent: 10 }, { revision: 'canary' }] }],
  [
    '--interval 1.5s --max-error-rate 2.5% --min-requests 7 --ack-timeout 2m',
    { ...NOTHING, intervalMs: 1500, errorRateMax: 0.025, requestsMin: 7, ackTimeoutMs: 120_000 },
  ],
];

for (const [line, want] of CASES) {
  test(`rollout flags: ${line || 'none'}`, () => assert.deepEqual(policy(...line.split(' ').filter(Boolean)), want));
}

const WRONG = ['--canary 0%', '--canary 101%', '--canary ten', '--interval 5', '--max-error-rate 0.05', '--min-requests x'];
for (const line of WRONG)
  test(`rollout flags: ${line} is refused`, () => assert.match(String(policy(...line.split(' '))), /is (?:not|neither)/));

/** A rollout's policy as the admin API takes it: fields that are not there are as in `base`. */
import { ProtocolError } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import type { RolloutPolicy, RolloutStep } from '../../model/rollout.ts';

type Fields = Readonly<Record<string, unknown>>;

function bad(field: string, want: string, value: unknown): ProtocolError {
  return new ProtocolError('bad_field', 400, `"policy.${field}" must be ${want}, not ${JSON.stringify(value)}`);
}

function numberIn(policy: Fields, field: string, max: number, base: number): number {
  const value = policy[field];
  if (value === undefined) return base;
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw bad(field, `a number of 0 to ${max}`, value);
}

function stepOf(value: unknown): RolloutStep {
  const { percent, revision } = isObject(value) ? value : {};
  if (typeof percent === 'number' && percent > 0 && percent <= 100) return { kind: 'percent', percent };
  if (typeof revision === 'string' && revision !== '') return { kind: 'revision', revision };
  throw bad('steps', 'a list of { percent: 1 to 100 } and { revision: name }', value);
}

/** Throws ProtocolError naming the field that cannot be read. */
export function readPolicy(value: unknown, base: RolloutPolicy): RolloutPolicy {
  if (!isObject(value)) throw new ProtocolError('bad_field', 400, '"policy" must be an object');
  const { steps } = value;
  if (steps !== undefined && (!Array.isArray(steps) || steps.length === 0)) throw bad('steps', 'a list that is not empty', steps);
  return {
    steps: Array.isArray(steps) ? steps.map(stepOf) : base.steps,
    intervalMs: numberIn(value, 'intervalMs', 86_400_000, base.intervalMs),
    ackTimeoutMs: numberIn(value, 'ackTimeoutMs', 3_600_000, base.ackTimeoutMs),
    errorRateMax: numberIn(value, 'errorRateMax', 1, base.errorRateMax),
    requestsMin: numberIn(value, 'requestsMin', Number.MAX_SAFE_INTEGER, base.requestsMin),
  };
}

import { defaultRolloutPolicy, type RolloutPolicy, type RolloutStep } from '../../../model/rollout.ts';
import { defaulted, duration, int, list, number, object, optional, required, string, type Infer } from '../../schema/schema.ts';

const base = defaultRolloutPolicy;

const stepSchema = object(
  {
    percent: optional(number(0, 100), 'This share of all proxies in percent, and at least one of them.'),
    revision: optional(string(), 'Proxies whose workload has the label istio.io/rev with this value.'),
  },
  [{ kind: 'exactly-one', fields: ['percent', 'revision'] }],
);

/** How a new version of the mesh goes to proxies. */
export const rolloutSchema = object({
  steps: required(list(stepSchema, 1), 'Who gets it, step by step, beside those of the steps before; after the last one everybody.'),
  interval: defaulted(duration(), base.intervalMs, 'How long a step is watched once all its proxies have acknowledged.'),
  ackTimeout: defaulted(duration(1), base.ackTimeoutMs, 'How long proxies may take to acknowledge.'),
  maxErrorRate: defaulted(number(0, 100), base.errorRateMax * 100, 'Requests in percent that may fail beyond those that failed before.'),
  minRequests: defaulted(int(0, 1_000_000), base.requestsMin, "With fewer requests a step's errors are not judged."),
});

type Spec = Infer<typeof rolloutSchema>;

function stepOf({ percent, revision }: Spec['steps'][number]): RolloutStep {
  return revision === undefined ? { kind: 'percent', percent: percent ?? 100 } : { kind: 'revision', revision };
}

/** The policy that the field says. */
export function lowerRollout(spec: Spec): RolloutPolicy {
  return {
    steps: spec.steps.map(stepOf),
    intervalMs: spec.interval,
    ackTimeoutMs: spec.ackTimeout,
    errorRateMax: spec.maxErrorRate / 100,
    requestsMin: spec.minRequests,
  };
}

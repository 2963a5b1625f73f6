import { isFor, type PolicyTarget } from '../../model/security.ts';
import type { Target, World } from './world.ts';

/** Workloads that a policy is for, by labels or by reference. */
export function targetsFor(policy: PolicyTarget, { mesh, targets }: World): readonly Target[] {
  return targets.filter((target) => isFor(policy, mesh.settings.rootNamespace, target));
}

/** Which mTLS mode a workload's port has: Istio's precedence of PeerAuthentications. */
import { selects } from '../../model/match.ts';
import type { MtlsMode, PeerAuthentication } from '../../model/security.ts';

export type EffectiveMode = Exclude<MtlsMode, 'UNSET'>;

export interface WorkloadIdentity {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A mode, and the policy that says so; without one nobody does. */
export interface MtlsDecision {
  readonly mode: EffectiveMode;
  readonly policy?: PeerAuthentication;
}

/**
 * Port, then workload, then namespace, then mesh (the root namespace, without a selector), then PERMISSIVE; UNSET
 * asks the next. The list is oldest first, and of one level the oldest counts. A selector in the root namespace
 * applies to that namespace only.
 */
export function mtlsDecisionOf(
  policies: readonly PeerAuthentication[],
  rootNamespace: string,
  workload: WorkloadIdentity,
  port: number | undefined,
): MtlsDecision {
  const own = ownPolicy(policies, workload);
  const inNamespace = policies.find(({ namespace, selector }) => namespace === workload.namespace && !isNarrow(selector));
  const inMesh = policies.find(({ namespace, selector }) => namespace === rootNamespace && !isNarrow(selector));
  const ofPort = port === undefined ? undefined : own?.ports.get(port);
  if (own !== undefined && ofPort !== undefined && ofPort !== 'UNSET') return { mode: ofPort, policy: own };
  for (const policy of [own, inNamespace, inMesh]) {
    if (policy !== undefined && policy.mode !== 'UNSET') return { mode: policy.mode, policy };
  }
  return { mode: 'PERMISSIVE' };
}

/** The mode alone of {@link mtlsDecisionOf}. */
export function mtlsModeOf(
  policies: readonly PeerAuthentication[],
  rootNamespace: string,
  workload: WorkloadIdentity,
  port: number | undefined,
): EffectiveMode {
  return mtlsDecisionOf(policies, rootNamespace, workload, port).mode;
}

function ownPolicy(policies: readonly PeerAuthentication[], workload: WorkloadIdentity): PeerAuthentication | undefined {
  return policies.find(
    ({ namespace, selector }) => namespace === workload.namespace && isNarrow(selector) && selects(selector ?? {}, workload.labels),
  );
}

/** Ports that have a mode of their own, whether a service has them or not. */
export function portsOfPolicy(policies: readonly PeerAuthentication[], workload: WorkloadIdentity): readonly number[] {
  return [...(ownPolicy(policies, workload)?.ports.keys() ?? [])];
}

function isNarrow(selector: PeerAuthentication['selector']): boolean {
  return selector !== undefined && Object.keys(selector).length > 0;
}

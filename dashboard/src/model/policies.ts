/** Which policies concern whom. */
import type { TopologyService, TopologyWorkload } from '../../../src/model/topology.ts';

/** Where something was written, as the admin API says it. */
export interface Place {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

/** A row of `/api/policies`. */
export interface Policy {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
  readonly action?: string;
  readonly mode?: string;
  readonly isDryRun?: boolean;
  readonly rules?: number;
  readonly issuers?: readonly string[];
  /** Of a DestinationRule. */
  readonly host?: string;
  readonly subsets?: readonly string[];
  readonly origin: Place;
}

const GATEWAY_LABEL = 'gateway.networking.k8s.io/gateway-name';

function isForWorkload(policy: Policy, { namespace, labels }: TopologyWorkload, rootNamespace: string): boolean {
  if (policy.host !== undefined) return false;
  if (policy.gateways !== undefined) return policy.namespace === namespace && policy.gateways.includes(labels[GATEWAY_LABEL] ?? '');
  if (policy.namespace !== namespace && policy.namespace !== rootNamespace) return false;
  return Object.entries(policy.selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** Policies of workloads (any of them), and of how a host is called. */
export function policiesFor(
  policies: readonly Policy[],
  workloads: readonly TopologyWorkload[],
  host: string,
  rootNamespace: string,
): readonly Policy[] {
  const isHost = (pattern: string): boolean => pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
  return policies.filter((policy) =>
    policy.host === undefined
      ? workloads.some((workload) => isForWorkload(policy, workload, rootNamespace))
      : host !== '' && isHost(policy.host),
  );
}

/** What a policy does, in a few words. */
export function policyText({ action, mode, isDryRun, rules, issuers, host, subsets }: Policy): string {
  if (action !== undefined) return `${action}${isDryRun === true ? ' (dry run)' : ''}, ${rules ?? 0} ${rules === 1 ? 'rule' : 'rules'}`;
  if (mode !== undefined) return `mTLS ${mode.toLowerCase()}`;
  if (issuers !== undefined) return `tokens of ${issuers.join(', ')}`;
  if (host !== undefined) return subsets === undefined || subsets.length === 0 ? 'traffic policy' : `subsets ${subsets.join(', ')}`;
  return '';
}

/** The service that has a host. */
export function serviceNamed(services: readonly TopologyService[], namespace: string, name: string): TopologyService | undefined {
  return services.find((service) => service.namespace === namespace && (service.name === name || service.hostname === name));
}

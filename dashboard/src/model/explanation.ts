/** The shape of `tulle explain -o json` (docs/explain.md). */
import type { TopologyService } from '../../../src/model/topology.ts';
import type { Place } from './policies.ts';

export interface Source extends Place {
  readonly field: string;
}

export interface Step {
  readonly side: 'client' | 'gateway' | 'server';
  readonly kind: string;
  readonly text: string;
  readonly source?: Source;
  readonly notes: readonly { readonly text: string; readonly source?: Source }[];
}

export interface Verdict {
  readonly outcome: 'delivered' | 'answered' | 'closed';
  readonly status: number;
  readonly flag: string;
  readonly text: string;
  readonly source?: Source;
}

export interface Explanation {
  readonly steps: readonly Step[];
  readonly verdict?: Verdict;
  readonly branches?: readonly { readonly share: number; readonly when: string; readonly explanation: Explanation }[];
}

/** How `tulle explain` is asked of a service's port. */
export function portTarget(hostname: string, { number, protocol }: TopologyService['ports'][number]): string {
  const scheme = protocol.startsWith('grpc') ? 'grpc' : protocol.startsWith('http') ? 'http' : 'tcp';
  return `${scheme}://${hostname}:${number}${scheme === 'http' ? '/' : ''}`;
}

/** The same of a service: of its port for `protocol` where one is, of its first else. */
export function explainTarget({ hostname, ports }: TopologyService, protocol = ''): string {
  const port = ports.find((each) => protocol !== '' && each.protocol.startsWith(protocol)) ?? ports[0];
  return port === undefined ? `http://${hostname}/` : portTarget(hostname, port);
}

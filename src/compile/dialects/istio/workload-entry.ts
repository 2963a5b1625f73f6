import { defaulted, int, map, object, optional, port, required, string, unsupported } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { NETWORKING } from './api-versions.ts';

const TLS_MODE = 'security.istio.io/tlsMode';

/** An address outside; in a ServiceEntry and as a kind of its own. */
export const workloadEntryFields = {
  ports: defaulted(map(port), {}, 'Port of the address, by name of the service port.'),
  labels: defaulted(labelsSchema, {}, 'Labels that selectors and subsets match.'),
  locality: defaulted(string({ format: 'locality', mayBeEmpty: true }), '', 'Region, zone and subzone, separated by slashes.'),
  weight: optional(int(0, 2 ** 31 - 1), 'Share of the traffic, relative to other addresses.'),
  serviceAccount: defaulted(string({ mayBeEmpty: true }), '', 'Service account of the workload; given, it counts as part of the mesh.'),
  network: unsupported('warning', 'Network that the address belongs to.'),
};

/** True where a proxy of the mesh stands before the address: a label says so, or a service account is known. */
export function isMeshed(labels: Readonly<Record<string, string>>, serviceAccount: string): boolean {
  const mode = labels[TLS_MODE];
  return mode === undefined ? serviceAccount !== '' : mode === 'istio';
}

/** Istio WorkloadEntry: an address outside that Services and ServiceEntries select. */
export const workloadEntry = defineDialect({
  kind: 'WorkloadEntry',
  apiVersions: NETWORKING,
  description: 'An address that is no workload of the mesh, for Services and ServiceEntries that select it.',
  fields: {
    spec: required(
      object({
        address: required(string({ format: 'endpoint-address' }), 'IP address, DNS name or unix:///path.'),
        ...workloadEntryFields,
      }),
      'The address.',
    ),
  },
  lower({ spec }, { name, namespace, labels, origin }) {
    const allLabels = { ...labels, ...spec.labels };
    return {
      kind: 'workload-entry',
      value: {
        name,
        namespace,
        labels: allLabels,
        address: spec.address,
        ports: spec.ports,
        locality: spec.locality,
        weight: Math.max(1, spec.weight ?? 1),
        serviceAccount: spec.serviceAccount,
        isMeshed: isMeshed(allLabels, spec.serviceAccount),
        origin,
      },
    };
  },
});

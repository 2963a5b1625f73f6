import type { Workload, WorkloadPort } from '../../../model/workload.ts';
import { defaulted, map, object, optional, port, required, string, unsupported } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { selectProtocol } from '../protocol.ts';
import { lowerReadinessProbe, readinessProbeSchema } from '../tulle/readiness-probe.ts';
import { NETWORKING } from './api-versions.ts';

const templateSchema = object({
  ports: defaulted(map(port), {}, 'Ports that the program listens on, by name; its part before the first hyphen may name the protocol.'),
  labels: defaulted(labelsSchema, {}, 'Labels of the processes, beside those of metadata.'),
  locality: defaulted(string({ format: 'locality', mayBeEmpty: true }), '', 'Region, zone and subzone, separated by slashes.'),
  serviceAccount: defaulted(string({ mayBeEmpty: true }), 'default', 'Identity of the processes in the namespace.'),
  address: unsupported('error', 'An address; each process has its own.'),
  weight: unsupported('warning', 'Share of the traffic; instances of a workload share evenly, subsets and weights of routes do not.'),
  network: unsupported('warning', 'Network that the processes belong to; there is one.'),
});

const specSchema = object({
  metadata: optional(
    object({
      labels: defaulted(labelsSchema, {}, 'Labels of the processes.'),
      annotations: defaulted(map(string({ mayBeEmpty: true })), {}, 'Notes for programs; none means anything here.'),
    }),
    'What hangs on the processes.',
  ),
  template: required(templateSchema, 'Ports and identity of the processes.'),
  probe: optional(readinessProbeSchema, 'When a process gets traffic; from its start where absent.'),
});

/** Istio WorkloadGroup: what processes have that somebody else starts, by `tulle run --group`. */
export const workloadGroup = defineDialect({
  kind: 'WorkloadGroup',
  apiVersions: NETWORKING,
  description: 'What processes have in common that are put into the mesh by hand: tulle run --group.',
  fields: { spec: required(specSchema, 'Labels, ports, identity and probe.') },
  lower({ spec }, lowering) {
    const { name, namespace, origin } = lowering;
    const { template } = spec;
    const ports = Object.entries(template.ports).map(([portName, number]): WorkloadPort => ({
      name: portName,
      number,
      protocol: selectProtocol(number, portName, undefined),
    }));
    const value: Workload = {
      name,
      namespace,
      labels: { ...spec.metadata?.labels, ...template.labels },
      serviceAccount: template.serviceAccount || 'default',
      ports,
      // nobody starts them but who puts them in
      replicas: 0,
      command: [],
      env: {},
      workingDir: '',
      readiness: lowerReadinessProbe(spec.probe, ports, lowering),
      upstreams: [],
      locality: template.locality,
      role: 'sidecar',
      isMeshed: true,
      origin,
    };
    return { kind: 'workload', value };
  },
});

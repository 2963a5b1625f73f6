import type { ServicePort } from '../../../model/service.ts';
import {
  defaulted,
  intOrString,
  list,
  object,
  oneOf,
  optional,
  port,
  required,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';
import { hasFormat } from '../../schema/formats.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { selectProtocol } from '../protocol.ts';
import { visibilityOf } from '../visibility.ts';
import { lowerFailureAccrual } from './failure-accrual.ts';

const EXPORT_TO = 'networking.istio.io/exportTo';

const portSchema = object({
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name; its part before the first hyphen may name the protocol.'),
  port: required(port, 'Port that clients call.'),
  targetPort: optional(intOrString, "Port of the workload, by number or name; the same as the client's where absent."),
  protocol: defaulted(oneOf(['TCP', 'UDP', 'SCTP']), 'TCP', 'Transport; only TCP goes through the mesh.'),
  appProtocol: optional(string(), 'What is spoken on the port; counts before the name.'),
  nodePort: unsupported('none', 'For Kubernetes nodes.'),
});

const specSchema = object({
  selector: optional(labelsSchema, 'Labels of the workloads that serve it.'),
  ports: defaulted(list(portSchema), [], 'Ports that it listens on.'),
  clusterIP: optional(string(), 'Virtual address; "None" for a headless service; allocated where absent.'),
  clusterIPs: optional(list(string()), 'Virtual addresses of both families.'),
  type: defaulted(
    oneOf(['ClusterIP', 'NodePort', 'LoadBalancer'], {
      unsupported: { ExternalName: 'write a ServiceEntry with resolution: DNS instead' },
    }),
    'ClusterIP',
    'How Kubernetes publishes it; all count the same here.',
  ),
  externalName: unsupported('none', 'For type: ExternalName.'),
  externalIPs: unsupported('warning', 'Further addresses of the service.'),
  publishNotReadyAddresses: unsupported('warning', 'Whether workloads that are not ready get traffic.'),
  sessionAffinity: unsupported('none', 'kube-proxy; use consistentHash of a DestinationRule.'),
  sessionAffinityConfig: unsupported('none', 'kube-proxy; use consistentHash of a DestinationRule.'),
  internalTrafficPolicy: unsupported('warning', 'Node-local balancing.'),
  trafficDistribution: unsupported('warning', 'Preference for close endpoints.'),
  externalTrafficPolicy: unsupported('none', 'For Kubernetes nodes.'),
  healthCheckNodePort: unsupported('none', 'For Kubernetes nodes.'),
  ipFamilies: unsupported('none', 'Kubernetes allocates addresses by it.'),
  ipFamilyPolicy: unsupported('none', 'Kubernetes allocates addresses by it.'),
  loadBalancerIP: unsupported('none', 'For the load balancer of a cloud.'),
  loadBalancerClass: unsupported('none', 'For the load balancer of a cloud.'),
  loadBalancerSourceRanges: unsupported('none', 'For the load balancer of a cloud.'),
  allocateLoadBalancerNodePorts: unsupported('none', 'For the load balancer of a cloud.'),
});

type Spec = Infer<typeof specSchema>;

/** Only TCP ports; unnamed ones may stand alone only, as in Kubernetes. */
function lowerPorts(spec: Spec, lowering: Lowering): readonly ServicePort[] {
  const names = new Set<string>();
  const ports: ServicePort[] = [];
  for (const item of spec.ports) {
    if (names.has(item.name)) {
      lowering.error(
        'TUL021',
        item,
        'name',
        item.name === '' ? 'of several ports each needs a name' : `a port "${item.name}" stands above`,
      );
    }
    names.add(item.name);
    if (item.protocol !== 'TCP') {
      lowering.warning('TUL016', item, 'protocol', `${item.protocol} does not go through the mesh: the port is left out`);
      continue;
    }
    ports.push({
      name: item.name,
      number: item.port,
      targetPort: item.targetPort ?? item.port,
      protocol: selectProtocol(item.port, item.name, item.appProtocol),
      origin: lowering.originOf(item),
    });
  }
  return ports;
}

function addressesOf(spec: Spec, lowering: Lowering): readonly string[] {
  const addresses = (spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])).filter((text) => text !== 'None');
  for (const address of addresses) {
    if (!hasFormat('ip', address)) lowering.error('TUL013', spec, 'clusterIP', `found "${address}", wants an IP address or None`);
  }
  return addresses;
}

function visibility(spec: Spec, lowering: Lowering): readonly string[] {
  const names = (lowering.annotations[EXPORT_TO] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  for (const name of names) {
    if (!hasFormat('visibility', name))
      lowering.error('TUL013', spec, '', `the annotation ${EXPORT_TO} has "${name}", wants ".", "*", "~" or a namespace`);
  }
  return visibilityOf(names);
}

/** Kubernetes Service: a host of the mesh. */
export const service = defineDialect({
  kind: 'Service',
  apiVersions: ['v1'],
  description:
    'A host `<name>.<namespace>.svc.<domain suffix>` and the workloads that serve it. Annotations: `networking.istio.io/exportTo`; `balancer.linkerd.io/failure-accrual` (`consecutive` or `unified`) with its settings.',
  fields: { spec: required(specSchema, 'Ports, and which workloads serve them.') },
  lower({ spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const addresses = addressesOf(spec, lowering);
    const failureAccrual = lowerFailureAccrual(lowering, spec);
    const isHeadless = spec.clusterIP === 'None' || spec.clusterIPs?.includes('None') === true;
    const lowered = {
      hostname: `${name}.${namespace}.svc.${lowering.domainSuffix}`,
      name,
      namespace,
      ports: lowerPorts(spec, lowering),
      addresses,
      isHeadless,
      resolution: 'static',
      isExternal: false,
      exportTo: visibility(spec, lowering),
      ...(failureAccrual && { failureAccrual }),
      subjectAltNames: [],
      endpoints: [],
      createdAt,
      origin,
    } as const;
    const selector = spec.selector === undefined || Object.keys(spec.selector).length === 0 ? undefined : spec.selector;
    return { kind: 'services', value: [{ service: lowered, selector, wantsAddress: !isHeadless && addresses.length === 0 }] };
  },
});

import { bool, defaulted, list, object, oneOf, optional, required, string, unsupported } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';
import { endpointPortSchema, plainEndpoint, portsByName } from './endpoints.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

const conditionsSchema = object({
  ready: optional(bool, 'Whether it gets traffic; true where absent.'),
  serving: unsupported('none', 'Whether it would get traffic were it not terminating.'),
  terminating: unsupported('none', 'Whether it is going away; ready says what counts.'),
});

const endpointSchema = object({
  addresses: required(list(string({ format: 'ip' }), 1), 'Addresses of one workload; the first counts.'),
  conditions: optional(conditionsSchema, 'Whether it gets traffic.'),
  zone: defaulted(string({ mayBeEmpty: true }), '', 'Zone it runs in.'),
  hostname: optional(string({ format: 'dns-label' }), 'What it is called under the name of a headless Service.'),
  nodeName: unsupported('none', 'Node of Kubernetes.'),
  targetRef: unsupported('none', 'The pod behind it.'),
  hints: unsupported('none', 'Zones that Kubernetes would serve from it.'),
  deprecatedTopology: unsupported('none', 'Former place of zone.'),
});

/** Kubernetes EndpointSlice: addresses of the Service that a label names. */
export const endpointSlice = defineDialect({
  kind: 'EndpointSlice',
  apiVersions: ['discovery.k8s.io/v1'],
  description: `Addresses of the Service that the label ${SERVICE_LABEL} names.`,
  fields: {
    addressType: required(
      oneOf(['IPv4', 'IPv6'], { unsupported: { FQDN: 'write a ServiceEntry with resolution: DNS' } }),
      'What kind of addresses follow.',
    ),
    endpoints: defaulted(list(endpointSchema), [], 'The addresses.'),
    ports: defaulted(list(endpointPortSchema), [], 'Ports of all these addresses.'),
  },
  lower(body, lowering) {
    const service = lowering.labels[SERVICE_LABEL];
    if (service === undefined) lowering.error('TUL011', body, '', `the label ${SERVICE_LABEL}, which names the Service, is missing`);
    const ports = portsByName(body.ports);
    const found = body.endpoints.map((item) => {
      const isReady = item.conditions?.ready ?? true;
      const locality = item.zone === '' ? '' : `/${item.zone}`;
      const named = item.hostname === undefined ? {} : { hostname: item.hostname };
      return { ...plainEndpoint(item.addresses[0] ?? '', ports, isReady, lowering.originOf(item)), ...named, locality };
    });
    return { kind: 'endpoints', value: { namespace: lowering.namespace, service: service ?? '', isSlice: true, endpoints: found } };
  },
});

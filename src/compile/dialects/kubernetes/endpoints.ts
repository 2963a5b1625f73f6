import type { Provenance } from '../../../model/provenance.ts';
import type { Endpoint } from '../../../model/service.ts';
import { defaulted, list, object, oneOf, optional, port, required, string, unsupported } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';

/** Ports of Endpoints and EndpointSlice. */
export const endpointPortSchema = object({
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name of the service port.'),
  port: required(port, 'Port of the address.'),
  protocol: defaulted(oneOf(['TCP', 'UDP', 'SCTP']), 'TCP', 'Transport; only TCP goes through the mesh.'),
  appProtocol: unsupported('none', "The Service's own appProtocol counts."),
});

/** Port by name, TCP only. */
export function portsByName(
  ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(ports.filter(({ protocol }) => protocol === 'TCP').map(({ name, port: number }) => [name, number]));
}

/** An address of which nothing but the address is known. */
export function plainEndpoint(address: string, ports: Readonly<Record<string, number>>, isReady: boolean, origin: Provenance): Endpoint {
  return {
    address,
    ports,
    labels: {},
    namespace: origin.namespace,
    serviceAccount: '',
    workload: '',
    locality: '',
    weight: 1,
    isReady,
    isMeshed: false,
    origin,
  };
}

const addressSchema = object({
  ip: required(string({ format: 'ip' }), 'The address.'),
  hostname: optional(string({ format: 'dns-label' }), 'What it is called under the name of a headless Service.'),
  nodeName: unsupported('none', 'Node of Kubernetes.'),
  targetRef: unsupported('none', 'The pod behind it.'),
});

const subsetSchema = object({
  addresses: defaulted(list(addressSchema), [], 'Addresses that get traffic.'),
  notReadyAddresses: defaulted(list(addressSchema), [], 'Addresses that are known and get none.'),
  ports: defaulted(list(endpointPortSchema), [], 'Ports of all these addresses.'),
});

/** Kubernetes Endpoints: addresses of the Service with the same name. */
export const endpoints = defineDialect({
  kind: 'Endpoints',
  apiVersions: ['v1'],
  description: 'Addresses of the Service with the same name.',
  fields: { subsets: defaulted(list(subsetSchema), [], 'Addresses with their ports.') },
  lower({ subsets }, lowering) {
    const found = subsets.flatMap((subset) => {
      const ports = portsByName(subset.ports);
      const origin = lowering.originOf(subset);
      const endpointOf = ({ ip, hostname }: (typeof subset.addresses)[number], isReady: boolean): Endpoint => ({
        ...plainEndpoint(ip, ports, isReady, origin),
        ...(hostname === undefined ? {} : { hostname }),
      });
      return [
        ...subset.addresses.map((address) => endpointOf(address, true)),
        ...subset.notReadyAddresses.map((address) => endpointOf(address, false)),
      ];
    });
    return { kind: 'endpoints', value: { namespace: lowering.namespace, service: lowering.name, isSlice: false, endpoints: found } };
  },
});

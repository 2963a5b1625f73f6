import { parseIp } from '../../../core/cidr.ts';
import type { Endpoint, Resolution, Service, ServicePort } from '../../../model/service.ts';
import { defaulted, list, object, oneOf, optional, port, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { selectProtocol } from '../protocol.ts';
import { exportToField, visibilityOf } from '../visibility.ts';
import { NETWORKING } from './api-versions.ts';
import { isMeshed, workloadEntryFields } from './workload-entry.ts';

const portSchema = object({
  number: required(port, 'Port that clients call.'),
  name: required(string(), 'Name; its part before the first hyphen may name the protocol.'),
  protocol: optional(
    oneOf(['HTTP', 'HTTPS', 'GRPC', 'GRPC-WEB', 'HTTP2', 'MONGO', 'MYSQL', 'REDIS', 'TCP', 'TLS'], { isCaseInsensitive: true }),
    'What is spoken on the port.',
  ),
  targetPort: optional(port, "Port of the endpoints; the client's where absent."),
});

const endpointSchema = object({
  address: required(string({ format: 'endpoint-address' }), 'IP address, DNS name or unix:///path.'),
  ...workloadEntryFields,
});

const specSchema = object(
  {
    hosts: required(list(string({ format: 'host' }), 1), 'Hosts that are made known.'),
    addresses: defaulted(list(string({ format: 'cidr' })), [], 'Virtual addresses or blocks; allocated where absent and needed.'),
    ports: defaulted(list(portSchema), [], 'Ports of the hosts.'),
    location: defaulted(
      oneOf(['MESH_EXTERNAL', 'MESH_INTERNAL']),
      'MESH_EXTERNAL',
      'Whether it is part of the mesh; outside there is no mTLS.',
    ),
    resolution: defaulted(
      oneOf(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']),
      'NONE',
      'How addresses are found: that which the client called, those written here, or by DNS; DYNAMIC_DNS looks up whatever host under a wildcard is called.',
    ),
    endpoints: defaulted(list(endpointSchema), [], 'Addresses that serve the hosts.'),
    workloadSelector: optional(
      object({ labels: required(labelsSchema, 'Labels they must have.') }),
      'Workloads and WorkloadEntries that serve the hosts.',
    ),
    exportTo: exportToField,
    subjectAltNames: defaulted(list(string()), [], "Names of which the endpoints' certificates must have one."),
    network: unsupported('warning', 'Network of the endpoints.'),
  },
  [{ kind: 'at-most-one', fields: ['endpoints', 'workloadSelector'] }],
);

type Spec = Infer<typeof specSchema>;

const RESOLUTIONS = {
  NONE: 'none',
  STATIC: 'static',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
} as const satisfies Record<Spec['resolution'], Resolution>;

function check(spec: Spec, lowering: Lowering): void {
  const isDns = spec.resolution === 'DNS' || spec.resolution === 'DNS_ROUND_ROBIN';
  for (const [index, host] of spec.hosts.entries()) {
    if (host === '*') lowering.error('TUL013', spec, `hosts[${index}]`, 'a ServiceEntry cannot stand for every host');
    else if (host.startsWith('*') && isDns && spec.endpoints.length === 0) {
      lowering.error('TUL021', spec, `hosts[${index}]`, `"${host}" cannot be looked up in DNS: give endpoints, or resolution: NONE`);
    }
  }
  if (spec.resolution === 'NONE' && spec.endpoints.length > 0) {
    lowering.error(
      'TUL021',
      spec,
      'endpoints',
      'resolution: NONE uses the address that the client called: take endpoints out, or write STATIC or DNS',
    );
  }
  for (const item of spec.endpoints) {
    const isName = parseIp(item.address) === undefined && !item.address.startsWith('unix:');
    if (spec.resolution === 'STATIC' && isName) {
      lowering.error('TUL021', item, 'address', `resolution: STATIC needs IP addresses, and "${item.address}" is a name: write DNS`);
    }
    for (const name of Object.keys(item.ports)) {
      if (!spec.ports.some((known) => known.name === name))
        lowering.error('TUL021', item, 'ports', `the ServiceEntry has no port named "${name}"`);
    }
  }
  if (spec.resolution === 'DNS_ROUND_ROBIN' && spec.endpoints.length > 1) {
    lowering.error('TUL021', spec, 'endpoints', 'resolution: DNS_ROUND_ROBIN takes one endpoint only: write DNS');
  }
}

/** Hosts are told by `Host` or SNI, so that there must be one, and no address. Source: Istio's validation. */
function checkDynamic(spec: Spec, lowering: Lowering): void {
  if (spec.resolution !== 'DYNAMIC_DNS') return;
  const how = 'resolution: DYNAMIC_DNS looks up the host that is called';
  for (const [index, host] of spec.hosts.entries())
    if (!host.startsWith('*')) lowering.error('TUL021', spec, `hosts[${index}]`, `${how}: "${host}" has no wildcard; write DNS`);
  if (spec.addresses.length > 0) lowering.error('TUL015', spec, 'addresses', `${how}: take addresses out`);
  if (spec.endpoints.length > 0) lowering.error('TUL015', spec, 'endpoints', `${how}: take endpoints out`);
  for (const item of spec.ports) {
    if (['http', 'http2', 'grpc', 'tls'].includes(selectProtocol(item.number, item.name, item.protocol))) continue;
    lowering.error('TUL021', item, 'protocol', `${how}, which HTTP, HTTP2, GRPC and TLS tell: write one of them`);
  }
}

function lowerPorts(spec: Spec, lowering: Lowering): readonly ServicePort[] {
  const numbers = new Set<number>();
  const names = new Set<string>();
  return spec.ports.map((item) => {
    if (numbers.has(item.number)) lowering.error('TUL021', item, 'number', `port ${item.number} stands above`);
    if (names.has(item.name)) lowering.error('TUL021', item, 'name', `a port "${item.name}" stands above`);
    numbers.add(item.number);
    names.add(item.name);
    return {
      name: item.name,
      number: item.number,
      targetPort: item.targetPort ?? item.number,
      protocol: selectProtocol(item.number, item.name, item.protocol),
      origin: lowering.originOf(item),
    };
  });
}

function portsOf(spec: Spec, own: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(spec.ports.map(({ name, number, targetPort }) => [name, own[name] ?? targetPort ?? number]));
}

function lowerEndpoints(spec: Spec, host: string, lowering: Lowering): readonly Endpoint[] {
  const { namespace } = lowering;
  const isOutside = spec.location === 'MESH_EXTERNAL';
  const blank = { labels: {}, namespace, serviceAccount: '', workload: '', locality: '', weight: 1, isReady: true };
  const isDns = spec.resolution === 'DNS' || spec.resolution === 'DNS_ROUND_ROBIN';
  if (isDns && spec.endpoints.length === 0 && spec.workloadSelector === undefined) {
    // Without endpoints the host itself is looked up.
    return [{ ...blank, address: host, ports: portsOf(spec, {}), isMeshed: false, origin: lowering.origin }];
  }
  return spec.endpoints.map((item) => ({
    ...blank,
    address: item.address,
    ports: portsOf(spec, item.ports),
    labels: item.labels,
    serviceAccount: item.serviceAccount,
    locality: item.locality,
    weight: Math.max(1, item.weight ?? 1),
    isMeshed: !isOutside && isMeshed(item.labels, item.serviceAccount),
    origin: lowering.originOf(item),
  }));
}

/** Istio ServiceEntry: hosts that are no Services. */
export const serviceEntry = defineDialect({
  kind: 'ServiceEntry',
  apiVersions: NETWORKING,
  description: 'Hosts beside the Services, mostly outside the mesh.',
  fields: { spec: required(specSchema, 'Hosts, ports and addresses.') },
  lower({ spec }, lowering) {
    check(spec, lowering);
    checkDynamic(spec, lowering);
    const ports = lowerPorts(spec, lowering);
    const value = spec.hosts.map((written) => {
      const hostname = written.toLowerCase();
      const lowered: Service = {
        hostname,
        name: hostname,
        namespace: lowering.namespace,
        ports,
        addresses: spec.addresses,
        isHeadless: false,
        resolution: RESOLUTIONS[spec.resolution],
        isExternal: spec.location === 'MESH_EXTERNAL',
        exportTo: visibilityOf(spec.exportTo),
        subjectAltNames: spec.subjectAltNames,
        endpoints: lowerEndpoints(spec, hostname, lowering),
        createdAt: lowering.createdAt,
        origin: lowering.origin,
      };
      const wantsAddress = spec.addresses.length === 0 && spec.resolution !== 'NONE' && !hostname.startsWith('*');
      return { service: lowered, selector: spec.workloadSelector?.labels, wantsAddress };
    });
    return { kind: 'services', value };
  },
});

import type { EgressHost, EgressListener, IngressListener, OutboundTrafficPolicy, Sidecar } from '../../../model/sidecar.ts';
import { isHttp, type Protocol } from '../../../model/service.ts';
import { defaulted, int, list, object, oneOf, optional, port, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { selectProtocol } from '../protocol.ts';
import { NETWORKING } from './api-versions.ts';
import { connectionPoolSchema, lowerConnectionPool } from './connection-pool.ts';
import { destinationSchema, lowerDestination } from './destination.ts';

const PROTOCOLS = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTPS', 'TLS', 'TCP', 'MONGO', 'MYSQL', 'REDIS'] as const;

const portFields = {
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name of the port.'),
  targetPort: unsupported('error', 'Port behind; it means nothing in a Sidecar, in Istio neither: write defaultEndpoint.'),
};

const captureMode = defaulted(
  oneOf(['DEFAULT', 'IPTABLES', 'NONE']),
  'DEFAULT',
  'NONE: a socket of its own; IPTABLES: intercepted connections; DEFAULT: as the proxy has it.',
);

const ingressSchema = object({
  port: required(
    object({
      number: required(port, 'Port that peers call.'),
      protocol: required(oneOf(PROTOCOLS, { isCaseInsensitive: true }), 'What is spoken on the port.'),
      ...portFields,
    }),
    'Port that is opened.',
  ),
  bind: defaulted(string({ format: 'ip', mayBeEmpty: true }), '', "Address of the port, with captureMode: NONE; the proxy's where absent."),
  captureMode,
  defaultEndpoint: optional(
    string({ format: 'sidecar-endpoint' }),
    'Where the program listens: 127.0.0.1:port, 0.0.0.0:port (the address of the workload), [::1]:port or unix:///path.',
  ),
  connectionPool: optional(connectionPoolSchema, 'Limits of connections and requests to the program on this port.'),
  tls: unsupported(
    'error',
    'TLS of its own on the port, which istiod leaves out unless ENABLE_TLS_ON_SIDECAR_INGRESS is set; a Gateway ends TLS of clients outside the mesh.',
  ),
});

const egressSchema = object({
  port: optional(
    object({
      number: defaulted(int(0, 65_535), 0, 'Port that the program calls; 0 for a Unix socket.'),
      protocol: required(oneOf([...PROTOCOLS, 'HTTP_PROXY'], { isCaseInsensitive: true }), 'What is spoken on the port.'),
      ...portFields,
    }),
    'Port that the hosts are called on; every other one where absent.',
  ),
  bind: defaulted(
    string({ format: 'bind-address', mayBeEmpty: true }),
    '',
    'Address that the program calls, an IP address or unix:///path; that of the hosts where absent.',
  ),
  captureMode,
  hosts: required(
    list(string({ format: 'egress-host' }), 1),
    'Hosts that are seen, as namespace/host: "." is the own namespace, "*" any; "~" before it takes hosts away.',
  ),
});

const outboundTrafficPolicySchema = object({
  mode: defaulted(
    oneOf(['REGISTRY_ONLY', 'ALLOW_ANY'], {
      unsupported: {
        ALLOW_ANY_DYNAMIC_DNS: 'Istio has it for the whole mesh only; name the hosts in a ServiceEntry with resolution: DYNAMIC_DNS',
      },
    }),
    'REGISTRY_ONLY',
    'Whether hosts that are not seen may be called.',
  ),
  egressProxy: optional(destinationSchema, 'Service that gets calls of hosts that are not seen, with ALLOW_ANY.'),
});

const specSchema = object(
  {
    workloadSelector: optional(
      object({ labels: defaulted(labelsSchema, {}, 'Labels that a workload must have.') }),
      'Workloads of the namespace; all that no other Sidecar selects where absent.',
    ),
    egress: optional(list(egressSchema), 'What the workloads see; everything that is exported to them where absent.'),
    ingress: optional(list(ingressSchema), 'Ports of the workloads, in place of those of their Services.'),
    inboundConnectionPool: optional(connectionPoolSchema, 'Limits of connections and requests to the program.'),
    outboundTrafficPolicy: optional(
      outboundTrafficPolicySchema,
      "What happens to calls of hosts that are not seen; the mesh's where absent.",
    ),
  },
  [{ kind: 'at-least-one', fields: ['egress', 'ingress', 'inboundConnectionPool', 'outboundTrafficPolicy'] }],
);

type WrittenIngress = Infer<typeof ingressSchema>;
type WrittenEgress = Infer<typeof egressSchema>;

function protocolOf(written: string): Protocol {
  return selectProtocol(0, '', written);
}

function lowerHost(written: string): EgressHost {
  const [scope = '', host = ''] = written.split('/');
  const isExcluded = scope.startsWith('~');
  const namespace = isExcluded ? scope.slice(1) || '*' : scope;
  return { namespace, host: host.toLowerCase(), isExcluded };
}

function checkEgressPort(written: WrittenEgress, lowering: Lowering): void {
  const { port: at, bind, captureMode: mode } = written;
  const isSocket = bind.startsWith('unix:');
  if (at === undefined || (at.number === 0) === isSocket) {
    if (at === undefined && isSocket) lowering.error('TUL015', written, 'bind', 'a Unix socket needs a port with number 0 and a protocol');
    else if (isSocket && mode === 'IPTABLES')
      lowering.error('TUL015', written, 'captureMode', 'nothing is intercepted on the way to a Unix socket: write NONE');
    return;
  }
  if (isSocket) lowering.error('TUL015', at, 'number', `a Unix socket has no port: write 0 in place of ${at.number}`);
  else lowering.error('TUL011', at, 'number', 'number is missing; 0 is for a bind to a Unix socket');
}

function checkEgress(egress: readonly WrittenEgress[], lowering: Lowering): void {
  const seen = new Set<string>();
  for (const [index, listener] of egress.entries()) {
    const { port: at, bind } = listener;
    checkEgressPort(listener, lowering);
    if (at === undefined && index < egress.length - 1)
      lowering.error('TUL021', listener, '', 'a listener without port takes all ports that are left: there is one, and it is the last');
    const key = at === undefined ? '' : at.number === 0 ? bind : String(at.number);
    if (key !== '' && seen.has(key)) lowering.error('TUL021', listener, 'port', `${key} has a listener above`);
    seen.add(key);
  }
}

function lowerEgress(written: WrittenEgress, lowering: Lowering): EgressListener {
  const { port: at, bind } = written;
  const isProxy = at?.protocol === 'HTTP_PROXY';
  return {
    port: at && { number: at.number, protocol: isProxy ? 'http-proxy' : protocolOf(at.protocol) },
    bind,
    isBound: written.captureMode === 'NONE' || bind.startsWith('unix:'),
    hosts: written.hosts.map(lowerHost),
    origin: lowering.originOf(written),
  };
}

function endpointOf(written: string): NonNullable<IngressListener['endpoint']> {
  if (written.startsWith('unix:')) return { address: written, port: 0 };
  const colon = written.lastIndexOf(':');
  return { address: written.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(written.slice(colon + 1)) };
}

function checkIngress(ingress: readonly WrittenIngress[], lowering: Lowering): void {
  const seen = new Set<number>();
  for (const listener of ingress) {
    const { port: at, captureMode: mode, defaultEndpoint, connectionPool } = listener;
    if (seen.has(at.number)) lowering.error('TUL021', listener, 'port', `port ${at.number} has a listener above`);
    seen.add(at.number);
    if (mode === 'NONE' && defaultEndpoint === undefined)
      lowering.error('TUL011', listener, 'defaultEndpoint', 'captureMode: NONE needs defaultEndpoint: the proxy would call itself');
    if (connectionPool?.http !== undefined && !isHttp(protocolOf(at.protocol)))
      lowering.warning('TUL020', connectionPool, 'http', `port ${at.number} speaks ${at.protocol}: only limits of tcp have an effect`);
  }
}

function lowerIngress(written: WrittenIngress, lowering: Lowering): IngressListener {
  const { port: at, bind, captureMode: mode, defaultEndpoint } = written;
  return {
    port: { number: at.number, protocol: protocolOf(at.protocol) },
    bind,
    isBound: mode === 'NONE',
    endpoint: defaultEndpoint === undefined ? undefined : endpointOf(defaultEndpoint),
    connectionPool: lowerConnectionPool(written.connectionPool),
    origin: lowering.originOf(written),
  };
}

function lowerOutbound(
  written: Infer<typeof outboundTrafficPolicySchema> | undefined,
  lowering: Lowering,
): OutboundTrafficPolicy | undefined {
  if (written === undefined) return undefined;
  const { mode, egressProxy } = written;
  if (egressProxy !== undefined && mode !== 'ALLOW_ANY')
    lowering.error('TUL015', written, 'egressProxy', 'egressProxy gets what is let through: write mode: ALLOW_ANY');
  if (egressProxy !== undefined && egressProxy.port === undefined)
    lowering.error('TUL011', egressProxy, 'port', 'port is missing: calls of any port go there');
  return { mode, egressProxy: egressProxy && lowerDestination(egressProxy, lowering) };
}

/** Istio Sidecar: what the proxies of some workloads see, and the ports that they open. */
export const sidecar = defineDialect({
  kind: 'Sidecar',
  apiVersions: NETWORKING,
  description: 'What the proxies of some workloads see, and the ports that they open.',
  fields: { spec: required(specSchema, 'Workloads, hosts and ports.') },
  lower({ spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const { egress = [], ingress = [] } = spec;
    checkEgress(egress, lowering);
    checkIngress(ingress, lowering);
    const value: Sidecar = {
      name,
      namespace,
      selector: spec.workloadSelector?.labels,
      egress: egress.map((listener) => lowerEgress(listener, lowering)),
      ingress: ingress.map((listener) => lowerIngress(listener, lowering)),
      inboundConnectionPool: lowerConnectionPool(spec.inboundConnectionPool),
      outboundTrafficPolicy: lowerOutbound(spec.outboundTrafficPolicy, lowering),
      createdAt,
      origin,
    };
    return { kind: 'sidecar', value };
  },
});

import type { Workload, WorkloadPort } from '../../../model/workload.ts';
import { bool, defaulted, int, list, map, object, oneOf, optional, port, required, string, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { lowerProxyAnnotation } from '../istio/proxy-annotation.ts';
import { selectProtocol } from '../protocol.ts';
import { lowerReadinessProbe, readinessProbeSchema } from './readiness-probe.ts';

const portSchema = object({
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name; its part before the first hyphen may name the protocol.'),
  port: required(port, 'Port that the program listens on.'),
  protocol: optional(
    oneOf(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTPS', 'TLS', 'TCP', 'MONGO', 'MYSQL', 'REDIS'], { isCaseInsensitive: true }),
    'What is spoken on the port; told from the name where absent.',
  ),
});

const upstreamSchema = object({
  host: required(string({ format: 'exact-host' }), 'Service that is called; a name without dots is one of the same namespace.'),
  port: required(port, 'Port of the service.'),
  localPort: required(port, 'Port on 127.0.0.1 that stands for it.'),
});

const specSchema = object({
  serviceAccount: defaulted(string({ format: 'name' }), 'default', 'Identity of the workload in its namespace.'),
  replicas: defaulted(int(0, 1_000), 1, 'Number of copies.'),
  ports: defaulted(list(portSchema), [], 'Ports that the program listens on.'),
  command: defaulted(list(string({ mayBeEmpty: true })), [], 'Program and arguments; none for a gateway.'),
  env: defaulted(map(string({ mayBeEmpty: true })), {}, 'Environment variables.'),
  workingDir: defaulted(string({ mayBeEmpty: true }), '', 'Folder to run in; relative to that of the file.'),
  readinessProbe: optional(readinessProbeSchema, 'When a copy gets traffic; from its start where absent.'),
  upstreams: defaulted(list(upstreamSchema), [], 'Services on loopback ports, where traffic is not intercepted.'),
  locality: defaulted(string({ format: 'locality', mayBeEmpty: true }), '', 'Region, zone and subzone, separated by slashes.'),
  role: defaulted(oneOf(['sidecar', 'gateway']), 'sidecar', 'A program with its proxy, or a proxy alone.'),
  inject: defaulted(bool, true, 'Whether it gets a proxy; a label or annotation sidecar.istio.io/inject of "false" says no as well.'),
});

type Spec = Infer<typeof specSchema>;

function lowerPorts(spec: Spec, lowering: Lowering): readonly WorkloadPort[] {
  const seen = new Set<number | string>();
  return spec.ports.map((item) => {
    if (seen.has(item.port)) lowering.error('TUL021', item, 'port', `port ${item.port} stands above`);
    if (item.name !== '' && seen.has(item.name)) lowering.error('TUL021', item, 'name', `a port "${item.name}" stands above`);
    seen.add(item.port).add(item.name);
    return { name: item.name, number: item.port, protocol: selectProtocol(item.port, item.name, item.protocol) };
  });
}

function check(spec: Spec, lowering: Lowering): void {
  if (spec.role === 'gateway' && spec.command.length > 0)
    lowering.error('TUL021', spec, 'command', 'a gateway is a proxy alone: take command out');
  if (spec.role === 'gateway' && !spec.inject)
    lowering.error('TUL021', spec, 'inject', 'a gateway is a proxy: inject: false leaves nothing');
  const local = new Set<number>();
  for (const upstream of spec.upstreams) {
    const { localPort } = upstream;
    if (local.has(localPort)) lowering.error('TUL021', upstream, 'localPort', `localPort ${localPort} stands above`);
    local.add(localPort);
    if (spec.ports.some((own) => own.port === localPort)) {
      lowering.error('TUL021', upstream, 'localPort', `the program itself listens on ${localPort}: take another localPort`);
    }
  }
}

/** Istio's way to keep the proxy from a pod. Source: istio, label and annotation `sidecar.istio.io/inject`; the label counts first. */
function isInjected(spec: Spec, { labels, annotations }: Lowering): boolean {
  const said = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  return spec.inject && said !== 'false';
}

/** What runs and how, where there is no Kubernetes. */
export const workload = defineDialect({
  kind: 'Workload',
  apiVersions: ['tulle.dev/v1'],
  description:
    "A program that runs in the mesh, or a gateway. Annotation: `proxy.istio.io/config`, with fields of MeshConfig's `defaultConfig`.",
  fields: { spec: required(specSchema, 'What runs and how.') },
  lower({ spec }, lowering) {
    check(spec, lowering);
    const ports = lowerPorts(spec, lowering);
    const proxy = lowerProxyAnnotation(spec, lowering);
    const value: Workload = {
      name: lowering.name,
      namespace: lowering.namespace,
      labels: lowering.labels,
      serviceAccount: spec.serviceAccount,
      ports,
      replicas: spec.replicas,
      command: spec.command,
      env: spec.env,
      workingDir: spec.workingDir,
      readiness: lowerReadinessProbe(spec.readinessProbe, ports, lowering),
      upstreams: spec.upstreams.map(({ host, port: number, localPort }) => ({ host: lowering.resolveHost(host), port: number, localPort })),
      locality: spec.locality,
      role: spec.role === 'gateway' ? 'router' : 'sidecar',
      isMeshed: isInjected(spec, lowering),
      ...(proxy !== undefined && { proxy }),
      origin: lowering.origin,
    };
    return { kind: 'workload', value };
  },
});

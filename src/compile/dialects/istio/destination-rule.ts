import type { Subset, TrafficPolicy } from '../../../model/traffic-policy.ts';
import {
  defaulted,
  int,
  list,
  number,
  object,
  oneOf,
  optional,
  port,
  required,
  string,
  duration,
  type Infer,
} from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { exportToField, visibilityOf } from '../visibility.ts';
import { NETWORKING } from './api-versions.ts';
import { clientTlsSchema, lowerClientTls } from './client-tls.ts';
import { connectionPoolSchema, lowerConnectionPool } from './connection-pool.ts';
import { portSelectorSchema } from './destination.ts';
import { loadBalancerSchema, lowerLoadBalancer } from './load-balancer.ts';
import { lowerOutlierDetection, outlierDetectionSchema } from './outlier-detection.ts';
import { selectorSchema } from './selector.ts';

const blocks = {
  loadBalancer: optional(loadBalancerSchema, 'How an endpoint is chosen.'),
  connectionPool: optional(connectionPoolSchema, 'Limits of connections and requests.'),
  outlierDetection: optional(outlierDetectionSchema, 'When an endpoint that fails is left out; never where absent.'),
  tls: optional(clientTlsSchema, "TLS to the host; the mesh's own choice where absent."),
};

const retryBudgetSchema = object({
  percent: defaulted(number(0, 100), 20, 'Retries as a share of the requests at a time.'),
  minRetryConcurrency: defaulted(int(0, 2 ** 31 - 1), 3, 'Retries at a time that are always allowed.'),
  budgetInterval: optional(duration(), 'Span over which requests count; those at a time where absent.'),
});

const portPolicySchema = object({ port: required(portSelectorSchema, 'Port of the service.'), ...blocks });

const tunnelSchema = object({
  protocol: defaulted(oneOf(['CONNECT', 'POST'], { isCaseInsensitive: true }), 'CONNECT', 'Method of the request that opens it.'),
  targetHost: required(string({ format: 'exact-host' }), 'Host that the proxy is to connect to.'),
  targetPort: required(port, 'Port that the proxy is to connect to.'),
});

const proxyProtocolSchema = object({ version: defaulted(oneOf(['V1', 'V2']), 'V1', 'V1 is text, V2 binary.') });

const policySchema = object({
  ...blocks,
  portLevelSettings: defaulted(list(portPolicySchema), [], 'Settings of single ports; nothing is inherited from those beside it.'),
  retryBudget: optional(retryBudgetSchema, 'Limit of retries as a share of requests.'),
  tunnel: optional(tunnelSchema, 'TCP through an HTTP proxy, which the host is.'),
  proxyProtocol: optional(proxyProtocolSchema, 'PROXY protocol header to the host.'),
});

const subsetSchema = object({
  name: required(string({ format: 'label-value' }), 'Name that routes use.'),
  labels: defaulted(labelsSchema, {}, 'Labels of the endpoints that belong to it.'),
  trafficPolicy: optional(policySchema, 'Settings of the subset; blocks that are absent are inherited.'),
});

const specSchema = object({
  host: required(string({ format: 'host' }), 'Host that it is for; a name without dots is a service of the same namespace.'),
  trafficPolicy: optional(policySchema, 'Settings for the host.'),
  subsets: defaulted(list(subsetSchema), [], 'Named groups of its endpoints.'),
  exportTo: exportToField,
  workloadSelector: optional(selectorSchema, 'Calling workloads of the same namespace that it holds for; all where absent.'),
});

type Blocks = Pick<Infer<typeof policySchema>, keyof typeof blocks>;

function lowerBlocks(written: Blocks, lowering: Lowering): Pick<TrafficPolicy, keyof typeof blocks> {
  return {
    loadBalancer: lowerLoadBalancer(written.loadBalancer, lowering),
    connectionPool: lowerConnectionPool(written.connectionPool),
    outlierDetection: lowerOutlierDetection(written.outlierDetection),
    tls: lowerClientTls(written.tls, lowering),
  };
}

function lowerPolicy(written: Infer<typeof policySchema> | undefined, lowering: Lowering): TrafficPolicy | undefined {
  if (written === undefined) return undefined;
  const ports = new Map<number, TrafficPolicy>();
  for (const item of written.portLevelSettings) {
    const { number: own } = item.port;
    if (ports.has(own)) lowering.error('TUL021', item, 'port', `port ${own} has settings above`);
    ports.set(own, { ...lowerBlocks(item, lowering), retryBudget: undefined, ports: new Map(), origin: lowering.originOf(item) });
  }
  const { retryBudget: budget } = written;
  return {
    ...lowerBlocks(written, lowering),
    proxyProtocol: written.proxyProtocol?.version,
    tunnel: written.tunnel && { method: written.tunnel.protocol, host: written.tunnel.targetHost, port: written.tunnel.targetPort },
    retryBudget: budget && {
      percent: budget.percent,
      minRetryConcurrency: budget.minRetryConcurrency,
      intervalMs: budget.budgetInterval,
    },
    ports,
    origin: lowering.originOf(written),
  };
}

function lowerSubsets(written: Infer<typeof specSchema>['subsets'], lowering: Lowering): readonly Subset[] {
  const names = new Set<string>();
  return written.map((item) => {
    if (names.has(item.name)) lowering.error('TUL021', item, 'name', `a subset "${item.name}" stands above`);
    names.add(item.name);
    return { name: item.name, labels: item.labels, policy: lowerPolicy(item.trafficPolicy, lowering), origin: lowering.originOf(item) };
  });
}

/** Istio DestinationRule: how clients talk to a host. */
export const destinationRule = defineDialect({
  kind: 'DestinationRule',
  apiVersions: NETWORKING,
  description: 'How clients talk to a host, and its subsets.',
  fields: { spec: required(specSchema, 'Host, settings and subsets.') },
  lower({ spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const workloadSelector = spec.workloadSelector?.matchLabels ?? {};
    // A rule for some workloads of a namespace means nothing to other namespaces.
    const exportTo = Object.keys(workloadSelector).length > 0 ? ['.'] : visibilityOf(spec.exportTo);
    return {
      kind: 'destination-policy',
      value: {
        name,
        namespace,
        host: lowering.resolveHost(spec.host),
        exportTo,
        workloadSelector,
        policy: lowerPolicy(spec.trafficPolicy, lowering),
        subsets: lowerSubsets(spec.subsets, lowering),
        createdAt,
        origin,
      },
    };
  },
});

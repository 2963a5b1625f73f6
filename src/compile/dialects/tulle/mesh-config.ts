import { messageOf } from '../../../core/errors.ts';
import { isObject } from '../../../core/object.ts';
import type { FlowSettings } from '../../../model/flow-settings.ts';
import { defaultMeshSettings, type MeshSettings, type NamespaceSelector } from '../../../model/mesh.ts';
import { NO_PROXY_SETTINGS } from '../../../model/proxy-settings.ts';
import {
  bool,
  defaulted,
  duration,
  int,
  list,
  number,
  object,
  oneOf,
  optional,
  required,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { connectionPoolSchema, lowerConnectionPool, lowerTcpKeepalive, tcpKeepaliveSchema } from '../istio/connection-pool.ts';
import { extensionProviderSchema, lowerExtensionProviders } from '../istio/extension-provider.ts';
import { localitySettingSchema, lowerLocalitySetting } from '../istio/locality-setting.ts';
import { lowerOutlierDetection, outlierDetectionSchema } from '../istio/outlier-detection.ts';
import { lowerProxySettings, proxySettingsSchema } from '../istio/proxy-settings.ts';
import { lowerRetries, retriesSchema } from '../istio/retries.ts';
import { labelsSchema } from '../metadata.ts';
import { lowerRollout, rolloutSchema } from './rollout.ts';

const base = defaultMeshSettings;

const exportTo = (what: string, fallback: readonly string[]) =>
  defaulted(list(string({ format: 'visibility' })), fallback, `Who sees ${what} that do not say: "." their own namespace, "*" all.`);

const names = (what: string, fallback: readonly string[]) => defaulted(list(string()), fallback, what);

const perSecond = (fallback: number, what: string) => defaulted(int(0, 100_000), fallback, what);

const tlsFields = {
  minProtocolVersion: defaulted(
    oneOf(['TLS_AUTO', 'TLSV1_2', 'TLSV1_3']),
    'TLS_AUTO',
    'Oldest version that servers take; TLS 1.2 where not said.',
  ),
  cipherSuites: names("Cipher suites of TLS 1.2 in place of the proxy's own.", []),
};

const namespaceSelectorSchema = object({
  matchLabels: defaulted(labelsSchema, {}, 'Labels that the namespace must have.'),
  matchExpressions: defaulted(
    list(
      object({
        key: required(string({ format: 'label-key' }), 'The label.'),
        operator: required(oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']), 'What must hold of it.'),
        values: names('Values, for In and NotIn.', []),
      }),
    ),
    [],
    'What else must hold of its labels.',
  ),
});

const KUBERNETES = 'for Ingress of Kubernetes';

const specSchema = object({
  trustDomain: defaulted(string({ format: 'exact-host' }), base.trustDomain, 'Trust domain of all identities.'),
  trustDomainAliases: defaulted(
    list(string({ format: 'exact-host' })),
    [],
    'Further trust domains, whose identities count as those of the own.',
  ),
  rootNamespace: defaulted(string({ format: 'dns-label' }), base.rootNamespace, 'Namespace whose policies are for the whole mesh.'),
  domainSuffix: defaulted(string({ format: 'exact-host' }), base.domainSuffix, 'End of the names of Services.'),
  discoverySelectors: defaulted(
    list(namespaceSelectorSchema),
    [],
    'Namespaces that belong to the mesh, by labels of their Namespace, any of these; resources of others are not read. All where empty.',
  ),
  outboundTrafficPolicy: optional(
    object({
      mode: defaulted(
        oneOf(['ALLOW_ANY', 'REGISTRY_ONLY'], {
          unsupported: { ALLOW_ANY_DYNAMIC_DNS: 'names that are not known are called at the address that was dialled: write ALLOW_ANY' },
        }),
        base.outboundTrafficPolicy,
        'Whether hosts that are not known may be called.',
      ),
      tls: unsupported('error', 'TLS to hosts that are not known; write a ServiceEntry and a DestinationRule'),
    }),
    'What happens to calls of hosts that are not known.',
  ),
  inboundTrafficPolicy: optional(
    object({
      mode: defaulted(
        oneOf(['PASSTHROUGH', 'LOCALHOST']),
        base.inboundTrafficPolicy,
        'Where intercepted calls are handed on: to the address that was dialled, or to 127.0.0.1.',
      ),
    }),
    'Where applications take calls.',
  ),
  enableAutoMtls: defaulted(bool, base.isAutoMtlsEnabled, 'Whether clients use mutual TLS by themselves where the server has a proxy.'),
  meshMTLS: optional(
    object({ ...tlsFields, ecdhCurves: unsupported('warning', 'Curves inside the mesh; they count in tlsDefaults only, as in Istio') }),
    "TLS of the mesh's own, on the server's side.",
  ),
  tlsDefaults: optional(
    object({ ...tlsFields, ecdhCurves: names("Curves in place of the proxy's own.", []) }),
    'TLS of gateways and to hosts outside, where Gateway and DestinationRule do not say.',
  ),
  connectTimeout: defaulted(duration(1), base.connectTimeoutMs, 'Time to connect to an endpoint.'),
  tcpKeepalive: optional(tcpKeepaliveSchema, 'Probes of the operating system, where a DestinationRule does not say.'),
  h2UpgradePolicy: defaulted(
    oneOf(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
    base.h2UpgradePolicy,
    'Whether HTTP/1.1 is sent on as HTTP/2, and TCP in tunnels by it; DEFAULT: between two of our proxies, behind mutual TLS.',
  ),
  protocolDetectionTimeout: defaulted(
    duration(),
    base.protocolDetectionTimeoutMs,
    'How long a proxy waits for a first byte to tell the protocol; 0s for ever.',
  ),
  dnsRefreshRate: defaulted(duration(1), base.dnsRefreshMs, 'How long names that could not be resolved are not asked for again.'),
  localityLbSetting: optional(localitySettingSchema, 'Which localities are preferred, where a DestinationRule does not say.'),
  defaultHttpRetryPolicy: optional(retriesSchema, 'Retries of routes that say nothing.'),
  defaultTrafficPolicy: optional(
    object({
      connectionPool: optional(connectionPoolSchema, 'Limits of connections and requests.'),
      outlierDetection: optional(outlierDetectionSchema, 'When an endpoint that fails is left out.'),
    }),
    'What DestinationRules lack, block by block.',
  ),
  rollout: optional(rolloutSchema, 'How edits go to proxies: to some first; where absent to all at once.'),
  pathNormalization: optional(
    object({
      normalization: defaulted(
        oneOf(['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']),
        'DEFAULT',
        'What is done to paths before rules see them; DEFAULT is BASE.',
      ),
    }),
    'What is done to paths before rules see them.',
  ),
  defaultServiceExportTo: exportTo('Services and ServiceEntries', base.defaultExportTo.services),
  defaultVirtualServiceExportTo: exportTo('VirtualServices', base.defaultExportTo.routes),
  defaultDestinationRuleExportTo: exportTo('DestinationRules', base.defaultExportTo.policies),
  accessLogFile: defaulted(string({ mayBeEmpty: true }), base.accessLogFile, 'Where access logs go, such as /dev/stdout; empty: nowhere.'),
  accessLogEncoding: defaulted(oneOf(['TEXT', 'JSON']), base.accessLogEncoding, 'Form of access logs.'),
  accessLogFormat: defaulted(
    string({ format: 'log-format', mayBeEmpty: true }),
    base.accessLogFormat,
    "Format of access logs; empty: Istio's.",
  ),
  accessLogOrigins: defaulted(
    bool,
    base.hasLogOrigins,
    "Whether lines in Istio's form say at the end which resource decided about the request, and its file and line.",
  ),
  accessLogSampling: optional(
    object({
      percentage: required(number(0, 100), 'Share of requests that are logged, in percent; their id decides, on all proxies alike.'),
      errorsFrom: defaulted(
        int(100, 600),
        400,
        'Responses with this status or a higher one are all logged, and so are failures that a proxy reports and those of gRPC.',
      ),
      slowerThan: optional(duration(1), 'Requests, and connections of TCP, that last so long are all logged.'),
    }),
    'Which requests access logs have; all where absent.',
  ),
  disableEnvoyListenerLog: defaulted(bool, false, 'Whether connections that no filter chain takes are left out of access logs.'),
  flows: optional(
    object({
      enabled: defaulted(bool, base.flows.isEnabled, 'Whether proxies tell the control plane of single requests and connections.'),
      perSecond: perSecond(base.flows.perSecond, 'Of those that went well, how many each proxy tells of at most.'),
      failedPerSecond: perSecond(base.flows.failedPerSecond, 'The same of those that were denied or failed.'),
      tappedPerSecond: perSecond(base.flows.tappedPerSecond, 'The same of all while somebody taps.'),
    }),
    'Flow records: what tulle flows, tap, why and plan look at.',
  ),
  enableTracing: defaulted(bool, base.isTracingEnabled, 'Whether requests are sampled for traces, where no Telemetry says.'),
  traceMending: defaulted(
    oneOf(['OFF', 'REQUEST_ID', 'IN_FLIGHT']),
    base.traceMending,
    'By what an outbound call that says of no trace joins one: the x-request-id that it carries, or that the workload is at work on one request only as well.',
  ),
  extensionProviders: defaulted(
    list(extensionProviderSchema),
    [],
    'Services that policies and Telemetries name: those that decide about requests, and those that are told of them.',
  ),
  defaultProviders: optional(
    object({
      tracing: names('Where spans go; the first counts.', base.defaultProviders.tracing),
      metrics: names('Who fetches metrics.', base.defaultProviders.metrics),
      accessLogging: names('Where access logs go.', base.defaultProviders.accessLogging),
    }),
    'Providers that count where no Telemetry names one.',
  ),
  defaultConfig: optional(proxySettingsSchema, 'Settings of proxies.'),
  inboundClusterStatName: defaulted(
    string({ mayBeEmpty: true }),
    base.inboundStatName,
    "Pattern of statistics' names of inbound clusters, with %SERVICE%, %SERVICE_FQDN%, %SERVICE_NAME%, %SERVICE_PORT%, %SERVICE_PORT_NAME%.",
  ),
  outboundClusterStatName: defaulted(
    string({ mayBeEmpty: true }),
    base.outboundStatName,
    'The same of outbound clusters, with %SUBSET_NAME% besides.',
  ),
  proxyListenPort: unsupported('warning', 'Port that outgoing traffic is redirected to; it is 15001'),
  proxyInboundListenPort: unsupported('warning', 'Port that incoming traffic is redirected to; it is 15006'),
  proxyHttpPort: unsupported('warning', 'Port of the HTTP proxy for applications; tulle up --mode explicit opens one'),
  enableEnvoyAccessLogService: unsupported('warning', 'Access logs by gRPC; write an extensionProvider envoyHttpAls'),
  hboneIdleTimeout: unsupported('none', 'For waypoints of ambient mode.'),
  zoneAwareLbSetting: unsupported('warning', "Envoy's balancing by zone; write localityLbSetting"),
  serviceEntryVisibility: unsupported('error', 'Who sees ServiceEntries; write defaultServiceExportTo'),
  serviceScopeConfigs: unsupported('none', 'Services of several clusters.'),
  serviceSettings: unsupported('none', 'Services of several clusters.'),
  meshNetworks: unsupported('warning', 'Networks of several clusters; endpoints are called at their own addresses'),
  configSources: unsupported('error', 'Where configuration comes from; name the folder in tulle up or tulle control'),
  certificates: unsupported('none', 'Certificates of Kubernetes webhooks.'),
  caCertificates: unsupported('error', 'Further roots of trust; identities of the mesh are signed by its own CA alone'),
  ca: unsupported('error', 'A certificate authority elsewhere; write ca.crt and ca.key into the state directory'),
  verifyCertificateAtClient: unsupported(
    'none',
    'Certificates are always checked where a DestinationRule does not say insecureSkipVerify.',
  ),
  enablePrometheusMerge: unsupported('none', "Whether the application's metrics are served with the proxy's."),
  ingressService: unsupported('none', `A Service ${KUBERNETES}.`),
  ingressClass: unsupported('none', `A class ${KUBERNETES}.`),
  ingressControllerMode: unsupported('none', `A mode ${KUBERNETES}.`),
  ingressSelector: unsupported('none', `A gateway ${KUBERNETES}.`),
});

type Spec = Infer<typeof specSchema>;

/** Format of a JSON access log: an object of texts. */
function checkJson(spec: Spec, lowering: Lowering): void {
  if (spec.accessLogFormat === '') return;
  try {
    const parsed: unknown = JSON.parse(spec.accessLogFormat);
    if (isObject(parsed)) return;
    lowering.error('TUL013', spec, 'accessLogFormat', 'accessLogEncoding: JSON wants a JSON object');
  } catch (error) {
    lowering.error('TUL013', spec, 'accessLogFormat', `accessLogEncoding: JSON wants a JSON object: ${messageOf(error)}`);
  }
}

function lowerSelectors(spec: Spec): NamespaceSelector[] {
  return spec.discoverySelectors.map(({ matchLabels, matchExpressions }) => ({
    labels: matchLabels,
    expressions: matchExpressions.map(({ key, operator, values }) => ({ key, operator, values })),
  }));
}

function lowerTls(spec: Spec): Pick<MeshSettings, 'meshTls' | 'tlsDefaults'> {
  const { meshMTLS, tlsDefaults } = spec;
  return {
    meshTls: meshMTLS ? { minVersion: meshMTLS.minProtocolVersion, cipherSuites: meshMTLS.cipherSuites, ecdhCurves: [] } : base.meshTls,
    tlsDefaults: tlsDefaults
      ? { minVersion: tlsDefaults.minProtocolVersion, cipherSuites: tlsDefaults.cipherSuites, ecdhCurves: tlsDefaults.ecdhCurves }
      : base.tlsDefaults,
  };
}

/** How proxies talk to the network. */
function lowerTraffic(spec: Spec, lowering: Lowering) {
  const normalization = spec.pathNormalization?.normalization ?? 'DEFAULT';
  return {
    outboundTrafficPolicy: spec.outboundTrafficPolicy?.mode ?? base.outboundTrafficPolicy,
    inboundTrafficPolicy: spec.inboundTrafficPolicy?.mode ?? base.inboundTrafficPolicy,
    isAutoMtlsEnabled: spec.enableAutoMtls,
    ...lowerTls(spec),
    connectTimeoutMs: spec.connectTimeout,
    tcpKeepalive: lowerTcpKeepalive(spec.tcpKeepalive),
    h2UpgradePolicy: spec.h2UpgradePolicy,
    protocolDetectionTimeoutMs: spec.protocolDetectionTimeout,
    dnsRefreshMs: spec.dnsRefreshRate,
    locality: lowerLocalitySetting(spec.localityLbSetting, lowering) ?? base.locality,
    defaultRetries: lowerRetries(spec.defaultHttpRetryPolicy, lowering),
    defaultPool: lowerConnectionPool(spec.defaultTrafficPolicy?.connectionPool),
    defaultOutlierDetection: lowerOutlierDetection(spec.defaultTrafficPolicy?.outlierDetection),
    pathNormalization: normalization === 'DEFAULT' ? ('BASE' as const) : normalization,
  };
}

function lowerFlows({ flows }: Spec): FlowSettings {
  if (flows === undefined) return base.flows;
  const { enabled, perSecond: each, failedPerSecond, tappedPerSecond } = flows;
  return { isEnabled: enabled, perSecond: each, failedPerSecond, tappedPerSecond };
}

/** What proxies tell of traffic. */
function lowerTelling(spec: Spec) {
  const { tracing, metrics, accessLogging } = spec.defaultProviders ?? base.defaultProviders;
  return {
    accessLogFile: spec.accessLogFile,
    accessLogEncoding: spec.accessLogEncoding,
    accessLogFormat: spec.accessLogFormat,
    hasLogOrigins: spec.accessLogOrigins,
    logSampling: spec.accessLogSampling && {
      percent: spec.accessLogSampling.percentage,
      errorsFrom: spec.accessLogSampling.errorsFrom,
      slowerThanMs: spec.accessLogSampling.slowerThan,
    },
    hasListenerLogs: !spec.disableEnvoyListenerLog,
    isTracingEnabled: spec.enableTracing,
    flows: lowerFlows(spec),
    traceMending: spec.traceMending,
    defaultProviders: { tracing, metrics, accessLogging },
    inboundStatName: spec.inboundClusterStatName,
    outboundStatName: spec.outboundClusterStatName,
  };
}

/** Mesh-wide settings, with the names of Istio's MeshConfig. */
export const meshConfig = defineDialect({
  kind: 'MeshConfig',
  apiVersions: ['tulle.dev/v1'],
  isNamespaced: false,
  description: 'Settings for the whole mesh; there is one.',
  fields: { spec: required(specSchema, 'The settings.') },
  lower({ spec }, lowering) {
    if (spec.accessLogEncoding === 'JSON') checkJson(spec, lowering);
    if (spec.accessLogOrigins && spec.accessLogFormat !== '')
      lowering.warning(
        'TUL020',
        spec,
        'accessLogOrigins',
        'accessLogFormat says what lines hold: write %DYNAMIC_METADATA(tulle:decided_by)% there',
      );
    const { trustDomain, rootNamespace, domainSuffix, defaultConfig } = spec;
    const own = defaultConfig && lowerProxySettings(defaultConfig, lowering);
    return {
      kind: 'settings',
      value: {
        trustDomain,
        trustDomainAliases: spec.trustDomainAliases.filter((alias) => alias !== trustDomain),
        rootNamespace,
        domainSuffix,
        discoverySelectors: lowerSelectors(spec),
        defaultExportTo: {
          services: spec.defaultServiceExportTo,
          routes: spec.defaultVirtualServiceExportTo,
          policies: spec.defaultDestinationRuleExportTo,
        },
        ...lowerTraffic(spec, lowering),
        ...lowerTelling(spec),
        ...(spec.rollout === undefined ? {} : { rollout: lowerRollout(spec.rollout) }),
        extensionProviders: lowerExtensionProviders(spec.extensionProviders, lowering),
        proxy: own ?? NO_PROXY_SETTINGS,
      },
    };
  },
});

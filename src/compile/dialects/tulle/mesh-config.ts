import { messageOf } from '../../../core/errors.ts';
import { defaultMeshSettings } from '../../../model/mesh.ts';
import {
  bool,
  defaulted,
  duration,
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
import { extensionProviderSchema, lowerExtensionProviders } from '../istio/extension-provider.ts';
import { localitySettingSchema, lowerLocalitySetting } from '../istio/locality-setting.ts';

const base = defaultMeshSettings;

const specSchema = object({
  trustDomain: defaulted(string({ format: 'exact-host' }), base.trustDomain, 'Trust domain of all identities.'),
  rootNamespace: defaulted(string({ format: 'dns-label' }), base.rootNamespace, 'Namespace whose policies are for the whole mesh.'),
  domainSuffix: defaulted(string({ format: 'exact-host' }), base.domainSuffix, 'End of the names of Services.'),
  outboundTrafficPolicy: optional(
    object({
      mode: defaulted(oneOf(['ALLOW_ANY', 'REGISTRY_ONLY']), base.outboundTrafficPolicy, 'Whether hosts that are not known may be called.'),
    }),
    'What happens to calls of hosts that are not known.',
  ),
  enableAutoMtls: defaulted(bool, base.isAutoMtlsEnabled, 'Whether clients use mutual TLS by themselves where the server has a proxy.'),
  connectTimeout: defaulted(duration(1), base.connectTimeoutMs, 'Time to connect to an endpoint.'),
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
  accessLogFile: defaulted(string({ mayBeEmpty: true }), base.accessLogFile, 'Where access logs go, such as /dev/stdout; empty: nowhere.'),
  accessLogEncoding: defaulted(oneOf(['TEXT', 'JSON']), base.accessLogEncoding, 'Form of access logs.'),
  accessLogFormat: defaulted(string({ mayBeEmpty: true }), base.accessLogFormat, "Format of access logs; empty: Istio's."),
  defaultConfig: optional(
    object({
      tracing: optional(
        object({ sampling: defaulted(number(0, 100), base.tracingSampling, 'Share of requests that are traced, in percent.') }),
        'Tracing.',
      ),
    }),
    'Settings of proxies.',
  ),
  trustDomainAliases: defaulted(
    list(string({ format: 'exact-host' })),
    [],
    'Further trust domains, whose identities count as those of the own.',
  ),
  extensionProviders: defaulted(
    list(extensionProviderSchema),
    [],
    'Services that policies name, such as those that decide about requests.',
  ),
  defaultProviders: unsupported('warning', 'Providers that are used without being named.'),
  discoverySelectors: unsupported('warning', 'Namespaces that belong to the mesh.'),
  localityLbSetting: optional(localitySettingSchema, 'Which localities are preferred, where a DestinationRule does not say.'),
  tcpKeepalive: unsupported('warning', 'Probes of the operating system.'),
  defaultHttpRetryPolicy: unsupported('warning', 'Retries of routes that say nothing.'),
  defaultServiceExportTo: unsupported('error', 'Where Services are seen.'),
  defaultVirtualServiceExportTo: unsupported('error', 'Where VirtualServices are seen.'),
  defaultDestinationRuleExportTo: unsupported('error', 'Where DestinationRules are seen.'),
  enableTracing: unsupported('warning', 'Whether requests are traced.'),
  enablePrometheusMerge: unsupported('none', "Whether the application's metrics are served with the proxy's."),
  meshMTLS: unsupported('error', 'TLS versions inside the mesh.'),
  tlsDefaults: unsupported('error', 'TLS versions outside the mesh.'),
  caCertificates: unsupported('error', 'Further roots of trust.'),
  ca: unsupported('error', 'A certificate authority elsewhere.'),
  ingressService: unsupported('none', 'For Kubernetes Ingress.'),
  ingressClass: unsupported('none', 'For Kubernetes Ingress.'),
  ingressControllerMode: unsupported('none', 'For Kubernetes Ingress.'),
  ingressSelector: unsupported('none', 'For Kubernetes Ingress.'),
});

/** Format of a JSON access log: an object of texts. */
function checkJson(spec: Infer<typeof specSchema>, lowering: Lowering): void {
  if (spec.accessLogFormat === '') return;
  try {
    const parsed: unknown = JSON.parse(spec.accessLogFormat);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return;
    lowering.error('TUL013', spec, 'accessLogFormat', 'accessLogEncoding: JSON wants a JSON object');
  } catch (error) {
    lowering.error('TUL013', spec, 'accessLogFormat', `accessLogEncoding: JSON wants a JSON object: ${messageOf(error)}`);
  }
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
    const normalization = spec.pathNormalization?.normalization ?? 'DEFAULT';
    return {
      kind: 'settings',
      value: {
        trustDomain: spec.trustDomain,
        trustDomainAliases: spec.trustDomainAliases.filter((alias) => alias !== spec.trustDomain),
        extensionProviders: lowerExtensionProviders(spec.extensionProviders, lowering),
        rootNamespace: spec.rootNamespace,
        domainSuffix: spec.domainSuffix,
        outboundTrafficPolicy: spec.outboundTrafficPolicy?.mode ?? base.outboundTrafficPolicy,
        isAutoMtlsEnabled: spec.enableAutoMtls,
        connectTimeoutMs: spec.connectTimeout,
        h2UpgradePolicy: spec.h2UpgradePolicy,
        protocolDetectionTimeoutMs: spec.protocolDetectionTimeout,
        pathNormalization: normalization === 'DEFAULT' ? 'BASE' : normalization,
        locality: lowerLocalitySetting(spec.localityLbSetting, lowering) ?? base.locality,
        accessLogFile: spec.accessLogFile,
        accessLogEncoding: spec.accessLogEncoding,
        accessLogFormat: spec.accessLogFormat,
        tracingSampling: spec.defaultConfig?.tracing?.sampling ?? base.tracingSampling,
      },
    };
  },
});

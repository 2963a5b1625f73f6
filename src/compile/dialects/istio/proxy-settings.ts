/** Settings of proxies, as MeshConfig's `defaultConfig` and the annotation `proxy.istio.io/config` have them. */
import type { ForwardClientCert, GatewayTopology, ProxyHeaders, ProxySettings } from '../../../model/proxy-settings.ts';
import {
  bool,
  defaulted,
  duration,
  int,
  map,
  number,
  object,
  oneOf,
  optional,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { lowerSpanTags, spanTagsSchema } from './span-tags.ts';

const KUBERNETES = 'how proxies run on Kubernetes';

const forwardClientCert = oneOf(['UNDEFINED', 'SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY']);

const turnedOff = (what: string) => optional(object({ disabled: defaulted(bool, false, 'Whether it is left out.') }), what);
const turnedOn = (what: string) => optional(object({ enabled: defaulted(bool, false, 'Whether it is added.') }), what);

const headersSchema = object({
  forwardedClientCert: defaulted(
    forwardClientCert,
    'UNDEFINED',
    "What servers' proxies do with x-forwarded-client-cert; APPEND_FORWARD where not said.",
  ),
  setCurrentClientCertDetails: optional(
    object({
      subject: defaulted(bool, true, 'Its subject.'),
      cert: defaulted(bool, false, 'The certificate.'),
      chain: defaulted(bool, false, 'Its chain.'),
      dns: defaulted(bool, true, 'Its DNS names.'),
      uri: defaulted(bool, true, 'Its URIs.'),
    }),
    'What x-forwarded-client-cert tells of a certificate.',
  ),
  requestId: turnedOff('The header x-request-id.'),
  server: optional(
    object({
      disabled: defaulted(bool, false, "Whether the application's own stays."),
      value: optional(string(), 'Its value; istio-envoy where absent.'),
    }),
    'The header server of responses.',
  ),
  attemptCount: turnedOff('The header x-envoy-attempt-count.'),
  envoyDebugHeaders: turnedOff('Headers such as x-envoy-upstream-service-time.'),
  metadataExchangeHeaders: unsupported(
    'warning',
    'Who is told of proxies; take the headers away with headers.response.remove of a VirtualService',
  ),
  preserveHttp1HeaderCase: unsupported('warning', 'Case of headers in HTTP/1.1; write an EnvoyFilter with header_key_format'),
  xForwardedHost: turnedOn('The header x-forwarded-host, where rewrite of a route writes the host anew.'),
  xForwardedPort: turnedOn('The header x-forwarded-port.'),
});

const tracingSchema = object({
  sampling: optional(number(0, 100), 'Share of requests that are traced, in percent; 1 where absent.'),
  maxPathTagLength: optional(int(), "Length that paths in spans are cut to; Envoy's 256 where absent."),
  customTags: optional(spanTagsSchema, 'Tags of spans, where no Telemetry sets some.'),
  enableIstioTags: unsupported('warning', 'Whether spans tell service, mesh, namespace and cluster; write it in a Telemetry'),
  zipkin: unsupported('warning', 'Where spans go; write an extensionProvider and name it in defaultProviders.tracing'),
  lightstep: unsupported('warning', 'Where spans go; write an extensionProvider opentelemetry'),
  datadog: unsupported('warning', 'Where spans go; write an extensionProvider opentelemetry'),
  stackdriver: unsupported('warning', 'Where spans go; write an extensionProvider opentelemetry'),
  openCensusAgent: unsupported('warning', 'Where spans go; write an extensionProvider opentelemetry'),
  tlsSettings: unsupported('warning', "TLS to where spans go; write a DestinationRule for the provider's host"),
});

const topologySchema = object({
  numTrustedProxies: defaulted(int(), 0, 'Proxies in front of gateways whose x-forwarded-for is believed.'),
  forwardClientCertDetails: defaulted(
    forwardClientCert,
    'UNDEFINED',
    'What gateways do with x-forwarded-client-cert; SANITIZE_SET where not said.',
  ),
  proxyProtocol: optional(object({}), 'Connections to gateways begin with a PROXY protocol header.'),
});

/** Also the fields that mean nothing outside Kubernetes, by name. */
export const proxySettingsSchema = object({
  concurrency: optional(int(0, 1_024), 'Event loops of a proxy; 0: one for every core. One where absent.'),
  drainDuration: optional(duration(1), 'How long connections of listeners that are gone may go on.'),
  terminationDrainDuration: optional(duration(), 'How long a proxy may go on when it is to end; 5s where absent.'),
  proxyMetadata: defaulted(map(string({ mayBeEmpty: true })), {}, "Variables of proxies' environment."),
  tracing: optional(tracingSchema, 'Tracing.'),
  proxyHeaders: optional(headersSchema, 'Headers that proxies add by themselves.'),
  gatewayTopology: optional(topologySchema, 'What stands in front of gateways.'),
  holdApplicationUntilProxyStarts: unsupported('none', 'Applications always start after their proxy.'),
  tracingServiceName: unsupported('warning', 'How spans name a service; it is the label app (else the workload) and the namespace'),
  serviceCluster: unsupported('warning', 'How spans name a service; it is the label app (else the workload) and the namespace'),
  readinessProbe: unsupported('warning', 'When a program gets traffic; write readinessProbe in the Workload'),
  interceptionMode: unsupported('warning', 'How traffic gets to proxies; write --mode of tulle up'),
  proxyAdminPort: unsupported('warning', "Port of the proxy's admin interface; it is a Unix socket in the state directory"),
  statusPort: unsupported('warning', "Port of the proxy's health; it is at its admin interface"),
  statsdUdpAddress: unsupported('warning', 'Where statistics are sent; have Prometheus fetch them'),
  envoyMetricsService: unsupported('warning', 'Where statistics are sent; have Prometheus fetch them'),
  envoyMetricsServiceAddress: unsupported('warning', 'Where statistics are sent; have Prometheus fetch them'),
  envoyAccessLogService: unsupported('warning', 'Where access logs are sent; write an extensionProvider envoyHttpAls'),
  zipkinAddress: unsupported('warning', 'Where spans go; write an extensionProvider zipkin'),
  proxyStatsMatcher: unsupported('none', 'Statistics that proxies keep; they keep all.'),
  extraStatTags: unsupported('none', 'Labels that metrics may have; all may be set in a Telemetry.'),
  statNameLength: unsupported('none', 'Longest name of a statistic; there is no limit.'),
  statsCompression: unsupported('none', 'Whether statistics are sent compressed; they are where asked for.'),
  runtimeValues: unsupported('warning', "Envoy's runtime flags; proxies have none"),
  connectionSettings: unsupported('error', 'Limits of connections of gateways; write an EnvoyFilter'),
  privateKeyProvider: unsupported('warning', 'Hardware that signs; proxies sign by themselves'),
  caCertificatesPem: unsupported('error', 'Further roots of trust; identities of the mesh are signed by its own CA alone'),
  fileFlushInterval: unsupported('none', 'How often access logs are written; within a second.'),
  fileFlushMinSizeKb: unsupported('none', 'When access logs are written; within a second.'),
  meshId: unsupported('none', 'Name of the mesh.'),
  image: unsupported('none', `Image of proxies: ${KUBERNETES}.`),
  sds: unsupported('none', 'How certificates get to proxies; always by SDS.'),
  discoveryAddress: unsupported('none', 'Where the control plane is; tulle up knows.'),
  discoveryRefreshDelay: unsupported('none', 'How often the control plane is asked; it tells by itself.'),
  controlPlaneAuthPolicy: unsupported('none', 'How proxies trust the control plane; by a Unix socket, or by TLS.'),
  availabilityZone: unsupported('warning', 'Zone of a proxy; write locality in the Workload'),
  configPath: unsupported('none', `Folder of the bootstrap: ${KUBERNETES}.`),
  binaryPath: unsupported('none', `The proxy's program: ${KUBERNETES}.`),
  customConfigFile: unsupported('warning', 'A bootstrap of your own; run tulle proxy -c with it'),
  proxyBootstrapTemplatePath: unsupported('warning', 'A bootstrap of your own; run tulle proxy -c with it'),
});

function certOf(written: Infer<typeof forwardClientCert>): ForwardClientCert | undefined {
  return written === 'UNDEFINED' ? undefined : written;
}

function serverOf(written: Infer<typeof headersSchema>['server']): string | undefined {
  return written?.disabled === true ? '' : written?.value;
}

function lowerHeaders(written: Infer<typeof headersSchema>): ProxyHeaders {
  return {
    forwardClientCert: certOf(written.forwardedClientCert),
    certificateDetails: written.setCurrentClientCertDetails,
    hasRequestId: written.requestId?.disabled !== true,
    server: serverOf(written.server),
    hasAttemptCount: written.attemptCount?.disabled !== true,
    hasDebugHeaders: written.envoyDebugHeaders?.disabled !== true,
    hasForwardedPort: written.xForwardedPort?.enabled === true,
    hasForwardedHost: written.xForwardedHost?.enabled === true,
  };
}

function lowerTopology(written: Infer<typeof topologySchema>): GatewayTopology {
  return {
    trustedProxies: written.numTrustedProxies,
    forwardClientCert: certOf(written.forwardClientCertDetails),
    takesProxyProtocol: written.proxyProtocol !== undefined,
  };
}

type Written = Infer<typeof proxySettingsSchema>;

/** The settings in the model. */
export function lowerProxySettings(written: Written, lowering: Pick<Lowering, 'error'>): ProxySettings {
  const { tracing } = written;
  return {
    concurrency: written.concurrency,
    drainMs: written.drainDuration,
    terminationDrainMs: written.terminationDrainDuration,
    environment: written.proxyMetadata,
    tracingSampling: tracing?.sampling,
    maxPathTagLength: tracing?.maxPathTagLength,
    spanTags: tracing?.customTags && lowerSpanTags(tracing.customTags, tracing, 'customTags', lowering),
    headers: written.proxyHeaders && lowerHeaders(written.proxyHeaders),
    topology: written.gatewayTopology && lowerTopology(written.gatewayTopology),
  };
}

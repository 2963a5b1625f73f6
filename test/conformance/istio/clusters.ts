/** What matters to traffic in a cluster and its endpoints. */
import { at, count, entries, items, type Json, type JsonMap, said, text } from './json.ts';
import { stringText } from './string-texts.ts';

const UNLIMITED = 4_294_967_295;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
/** The names by which a validation context knows its peer. */
export function peerNames(common: Json | undefined): readonly string[] {
  const context = at(common, 'combinedValidationContext', 'defaultValidationContext') ?? at(common, 'validationContext');
  const typed = items(context, 'matchTypedSubjectAltNames').map((match) => stringText(at(match, 'matcher')));
  return [...new Set([...items(context, 'matchSubjectAltNames').map(stringText), ...typed])].toSorted();
}

const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

/** Istio's agent reads files as secrets of these names, and the system's roots as one of theirs. */
function fileText(name: string): string {
  const file = name.replace(/^file-(?:cert|root):/, '').replace('~', ' ');
  return file === 'system' || file === SYSTEM_ROOTS ? "the system's" : file.replace('kubernetes://', '');
}

/** Where certificate or CA of a TLS context come from: a file, a named secret, or nowhere. */
export function secretsText(common: Json | undefined): JsonMap {
  const combined = at(common, 'combinedValidationContext');
  const names = (path: string) => items(common, path).map((config) => text(config, 'name'));
  const files = items(common, 'tlsCertificates').map(
    (pair) => `${text(pair, 'certificateChain', 'filename')} ${text(pair, 'privateKey', 'filename')}`,
  );
  const ca =
    text(combined, 'validationContextSdsSecretConfig', 'name') ||
    text(common, 'validationContextSdsSecretConfig', 'name') ||
    text(common, 'validationContext', 'trustedCa', 'filename');
  return said({ certificate: [...names('tlsCertificateSdsSecretConfigs'), ...files].map(fileText).join(' '), ca: fileText(ca) });
}

function socketOf(socket: Json | undefined): Json {
  const config = at(socket, 'typedConfig');
  const name = text(socket, 'name').split('.').at(-1) ?? '';
  if (name === 'upstream_proxy_protocol')
    return { proxyProtocol: text(config, 'config', 'version') || 'V1', inside: socketOf(at(config, 'transportSocket')) };
  if (name !== 'tls') return name === '' ? 'raw_buffer' : name;
  const common = at(config, 'commonTlsContext');
  const secrets = secretsText(common);
  return said({
    ...secrets,
    sni: at(config, 'sni'),
    autoSni: text(config, 'autoHostSni'),
    names: peerNames(common),
    // in the mesh Istio's client writes what it offers for each request: the configuration does not tell
    alpn: secrets['certificate'] === 'default' ? undefined : items(common, 'alpnProtocols'),
  });
}

function transportOf(cluster: Json): Json {
  const matches = items(cluster, 'transportSocketMatches');
  if (matches.length === 0) return socketOf(at(cluster, 'transportSocket'));
  return Object.fromEntries(matches.map((match) => [text(match, 'name'), socketOf(at(match, 'transportSocket'))]));
}

function limitsOf(cluster: Json): JsonMap {
  const thresholds = items(cluster, 'circuitBreakers', 'thresholds')[0];
  const limit = (name: string) => (count(thresholds, name) === UNLIMITED ? undefined : at(thresholds, name));
  const budget = at(thresholds, 'retryBudget');
  return said({
    connections: limit('maxConnections'),
    pending: limit('maxPendingRequests'),
    requests: limit('maxRequests'),
    retries: limit('maxRetries'),
    retryBudget:
      budget &&
      said({
        percent: at(budget, 'budgetPercent', 'value'),
        least: at(budget, 'minRetryConcurrency'),
        interval: at(budget, 'budgetInterval'),
      }),
  });
}

function versionOf(options: Json | undefined, cluster: Json): string {
  if (at(options, 'useDownstreamProtocolConfig') !== undefined) return "the client's";
  if (at(options, 'autoConfig') !== undefined) return 'by ALPN';
  if (at(options, 'explicitHttpConfig', 'http2ProtocolOptions') !== undefined) return 'HTTP/2';
  return at(cluster, 'http2ProtocolOptions') === undefined ? 'HTTP/1.1' : 'HTTP/2';
}

function httpOf(cluster: Json): JsonMap {
  const options = at(cluster, 'typedExtensionProtocolOptions', HTTP_OPTIONS);
  const common = at(options, 'commonHttpProtocolOptions');
  const http2 =
    at(options, 'explicitHttpConfig', 'http2ProtocolOptions') ??
    at(options, 'useDownstreamProtocolConfig', 'http2ProtocolOptions') ??
    at(options, 'autoConfig', 'http2ProtocolOptions');
  const upstream = at(options, 'upstreamHttpProtocolOptions');
  return said({
    version: versionOf(options, cluster),
    idleTimeout: at(common, 'idleTimeout'),
    maxConnectionDuration: at(common, 'maxConnectionDuration'),
    maxRequestsPerConnection: at(common, 'maxRequestsPerConnection') ?? at(cluster, 'maxRequestsPerConnection'),
    maxConcurrentStreams: at(http2, 'maxConcurrentStreams'),
    pings: at(http2, 'connectionKeepalive'),
    autoSni: text(upstream, 'autoSni'),
    autoNames: text(upstream, 'autoSanValidation'),
  });
}

const OUTLIER_DEFAULTS: Readonly<Record<string, string>> = {
  interval: '10s',
  baseEjectionTime: '30s',
  maxEjectionPercent: '10',
  consecutive5xx: '5',
  consecutiveLocalOriginFailure: '5',
  enforcingConsecutive5xx: '100',
  enforcingConsecutiveLocalOriginFailure: '100',
};

/** What is left when Envoy's defaults are taken out. */
function outliersOf(cluster: Json): Json | undefined {
  const found = at(cluster, 'outlierDetection');
  if (found === undefined) return undefined;
  const isOff = count(found, 'enforcingConsecutive5xx') === 0 && at(found, 'enforcingConsecutive5xx') !== undefined;
  const isDefault = ([name, value]: readonly [string, Json]) =>
    value === false || OUTLIER_DEFAULTS[name] === text(value) || (isOff && name === 'consecutive5xx');
  return {
    on: true,
    ...Object.fromEntries(entries(found).filter((entry) => !isDefault(entry))),
  };
}

function balancerOf(cluster: Json): JsonMap {
  const simple = at(cluster, 'leastRequestLbConfig') ?? at(cluster, 'roundRobinLbConfig');
  const slow = at(simple, 'slowStartConfig');
  return said({
    policy: text(cluster, 'lbPolicy') || 'ROUND_ROBIN',
    ringSize: at(cluster, 'ringHashLbConfig', 'minimumRingSize'),
    tableSize: at(cluster, 'maglevLbConfig', 'tableSize'),
    slowStart:
      slow &&
      said({
        window: at(slow, 'slowStartWindow'),
        aggression: at(slow, 'aggression', 'defaultValue') ?? 1,
        least: at(slow, 'minWeightPercent', 'value') ?? 10,
      }),
    byLocality: text(at(cluster, 'commonLbConfig', 'localityWeightedLbConfig') && 'weighted'),
  });
}

/** A cluster. */
export function clusterOf(cluster: Json): JsonMap {
  const bytes = at(cluster, 'loadAssignment');
  const keepalive = at(cluster, 'upstreamConnectionOptions', 'tcpKeepalive');
  return said({
    found: text(cluster, 'type') || text(cluster, 'clusterType', 'name') || 'STATIC',
    connectTimeout: at(cluster, 'connectTimeout'),
    balancer: balancerOf(cluster),
    panicBelow: count(cluster, 'commonLbConfig', 'healthyPanicThreshold', 'value') || undefined,
    limits: limitsOf(cluster),
    http: httpOf(cluster),
    outliers: outliersOf(cluster),
    keepalive,
    transport: transportOf(cluster),
    endpoints: bytes && assignmentOf(bytes),
    source: at(cluster, 'upstreamBindConfig', 'sourceAddress', 'address'),
  });
}

function addressText(endpoint: Json): string {
  const address = at(endpoint, 'endpoint', 'address');
  const socket = at(address, 'socketAddress');
  const pipe = at(address, 'pipe', 'path');
  if (pipe !== undefined) return `unix://${text(pipe)}`;
  return `${text(socket, 'address')}:${text(socket, 'portValue')}`;
}

function endpointText(endpoint: Json): string {
  const status = text(endpoint, 'healthStatus');
  const isMutual = text(endpoint, 'metadata', 'filterMetadata', 'envoy.transport_socket_match', 'tlsMode') === 'istio';
  const weight = count(endpoint, 'loadBalancingWeight');
  return [
    addressText(endpoint),
    isMutual ? 'mTLS' : 'plain',
    weight > 1 ? `weight ${weight}` : '',
    status === 'HEALTHY' || status === '' ? '' : status.toLowerCase(),
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** Endpoints by locality, those of the first priority first. */
export function assignmentOf(assignment: Json): readonly Json[] {
  return items(assignment, 'endpoints')
    .map((group) => {
      const { region, zone, subZone } = {
        region: text(group, 'locality', 'region'),
        zone: text(group, 'locality', 'zone'),
        subZone: text(group, 'locality', 'subZone'),
      };
      return said({
        locality: [region, zone, subZone].filter((part) => part !== '').join('/'),
        priority: count(group, 'priority') || undefined,
        weight: count(group, 'loadBalancingWeight') || undefined,
        endpoints: items(group, 'lbEndpoints').map(endpointText).toSorted(),
      });
    })
    .filter((group) => items(group, 'endpoints').length > 0)
    .toSorted((a, b) => (text(a, 'locality') < text(b, 'locality') ? -1 : 1))
    .toSorted((a, b) => count(a, 'priority') - count(b, 'priority'));
}

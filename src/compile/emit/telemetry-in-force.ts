/** The mesh's settings as one proxy has them: with the Telemetries that are for it. */
import type { MeshSettings } from '../../model/mesh.ts';
import type { SpanIdentity, Telemetry } from '../../model/telemetry.ts';
import { memoised } from './memo.ts';
import type { ProxyNode } from './proxy-node.ts';
import { providerHosts } from './providers.ts';
import type { ServiceShape } from './shape.ts';
import { telemetriesFor } from './telemetry-rules.ts';

const NOBODY: SpanIdentity = {
  serviceName: '',
  workload: '',
  instance: '',
  namespace: '',
  canonicalService: '',
  canonicalRevision: '',
  meshId: '',
  clusterId: '',
};

/** Proxies of one workload have one identity, but for what names its instances. */
function identityOf(proxy: ProxyNode): SpanIdentity {
  const { labels, namespace, workload, serviceCluster = '', meshId = '', clusterId = '' } = proxy;
  return {
    serviceName: serviceCluster,
    workload: labels['app.kubernetes.io/instance'] ?? labels['app.kubernetes.io/name'] ?? workload,
    instance: workload === '' ? (proxy.id.split('~')[2]?.split('.')[0] ?? '') : '',
    namespace,
    canonicalService: labels['service.istio.io/canonical-name'] ?? 'unknown',
    canonicalRevision: labels['service.istio.io/canonical-revision'] ?? 'latest',
    meshId,
    clusterId,
  };
}

/** One object for equal arguments: what is compiled from it is shared by all proxies that have the same. */
const joined = memoised((settings: MeshSettings, hosts: string, identity: string, ...rules: readonly Telemetry[]): MeshSettings => ({
  ...settings,
  telemetry: { rules, hosts: JSON.parse(hosts), identity: JSON.parse(identity) },
}));

const ANYONE = JSON.stringify(NOBODY);

/**
 * The settings for `proxy`: the mesh's own where nothing is said of it. Who it is counts only where spans tell it, so that
 * otherwise the proxies of a namespace have the same.
 */
export function settingsInForce(
  settings: MeshSettings,
  telemetries: readonly Telemetry[],
  shapes: readonly ServiceShape[],
  proxy: ProxyNode,
): MeshSettings {
  const rules = telemetriesFor(telemetries, settings.rootNamespace, proxy);
  const { tracing, accessLogging } = settings.defaultProviders;
  if (rules.length === 0 && tracing.length === 0 && accessLogging.length === 0) return settings;
  const isTraced = tracing.length > 0 || rules.some((rule) => rule.tracing.some(({ providers }) => providers.length > 0));
  return joined(settings, providerHosts(shapes, settings), isTraced ? JSON.stringify(identityOf(proxy)) : ANYONE, ...rules);
}

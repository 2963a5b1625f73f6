/** The mesh's settings as one proxy has them: with the Telemetries that are for it. */
import type { Mesh, MeshSettings } from '../../model/mesh.ts';
import type { ProxySettings } from '../../model/proxy-settings.ts';
import type { SpanIdentity, Telemetry } from '../../model/telemetry.ts';
import type { Workload } from '../../model/workload.ts';
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

/** What of a proxy's settings its listeners depend on. */
function toldOf({ tracingSampling, maxPathTagLength, spanTags, headers, topology }: ProxySettings): Partial<ProxySettings> {
  return { tracingSampling, maxPathTagLength, spanTags, headers, topology };
}

const byName = memoised(
  (workloads: readonly Workload[]): ReadonlyMap<string, Workload> =>
    new Map(workloads.map((workload) => [`${workload.namespace}/${workload.name}`, workload])),
);

const overridden = memoised((settings: MeshSettings, told: string): MeshSettings => {
  const own: Partial<ProxySettings> = JSON.parse(told);
  return { ...settings, proxy: { ...settings.proxy, ...own } };
});

/** The settings with what the proxy's workload says of itself, in an annotation. */
function ofWorkload(settings: MeshSettings, workloads: readonly Workload[], { namespace, workload }: ProxyNode): MeshSettings {
  const own = byName(workloads).get(`${namespace}/${workload}`)?.proxy;
  if (own === undefined) return settings;
  const told = JSON.stringify(toldOf(own));
  return told === JSON.stringify(toldOf(settings.proxy)) ? settings : overridden(settings, told);
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
  ofMesh: MeshSettings,
  { telemetries, workloads }: Pick<Mesh, 'telemetries' | 'workloads'>,
  shapes: readonly ServiceShape[],
  proxy: ProxyNode,
): MeshSettings {
  const settings = ofWorkload(ofMesh, workloads, proxy);
  const rules = telemetriesFor(telemetries, settings.rootNamespace, proxy);
  const { tracing, accessLogging } = settings.defaultProviders;
  if (rules.length === 0 && tracing.length === 0 && accessLogging.length === 0) return settings;
  const isTraced = tracing.length > 0 || rules.some((rule) => rule.tracing.some(({ providers }) => providers.length > 0));
  return joined(settings, providerHosts(shapes, settings), isTraced ? JSON.stringify(identityOf(proxy)) : ANYONE, ...rules);
}

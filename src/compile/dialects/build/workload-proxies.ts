/** Settings of each workload's proxy: what the mesh, ProxyConfigs and the workload's annotation say together. */
import { selects } from '../../../model/match.ts';
import type { Mesh } from '../../../model/mesh.ts';
import { mergeProxySettings, NO_PROXY_SETTINGS, type ProxyConfig, type ProxySettings } from '../../../model/proxy-settings.ts';
import type { Workload } from '../../../model/workload.ts';

type Said = Pick<Mesh, 'settings' | 'proxyConfigs'>;

function wide(configs: readonly ProxyConfig[], namespace: string): ProxySettings {
  return configs.find((config) => config.namespace === namespace && config.selector === undefined)?.settings ?? NO_PROXY_SETTINGS;
}

/**
 * The settings of a workload's proxy, the more specific over the less: mesh, root namespace, namespace, annotation, and
 * the oldest ProxyConfig that selects the workload. Source: istiod, in this order.
 */
export function proxySettingsFor(
  { settings, proxyConfigs }: Said,
  workload: Pick<Workload, 'namespace' | 'labels'>,
  annotation: ProxySettings = NO_PROXY_SETTINGS,
): ProxySettings {
  const { namespace, labels } = workload;
  const root = wide(proxyConfigs, settings.rootNamespace);
  const own = namespace === settings.rootNamespace ? NO_PROXY_SETTINGS : wide(proxyConfigs, namespace);
  const selecting = proxyConfigs.find(
    (config) => config.namespace === namespace && config.selector !== undefined && selects(config.selector, labels),
  );
  return [root, own, annotation, selecting?.settings ?? NO_PROXY_SETTINGS].reduce(mergeProxySettings, settings.proxy);
}

/** The workloads, with the settings of their proxies where something is said. */
export function withProxySettings(workloads: readonly Workload[], said: Said): readonly Workload[] {
  const isUsual = said.settings.proxy === NO_PROXY_SETTINGS && said.proxyConfigs.length === 0;
  if (isUsual && workloads.every(({ proxy }) => proxy === undefined)) return workloads;
  return workloads.map((workload) => ({ ...workload, proxy: proxySettingsFor(said, workload, workload.proxy) }));
}

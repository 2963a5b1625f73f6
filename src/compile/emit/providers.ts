/** The providers that settings name, and where those are that are services of the mesh. */
import type { ExtensionProvider } from '../../model/extension-provider.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import { providerService } from '../../model/provider-service.ts';
import { memoised } from './memo.ts';
import { outboundCluster } from './names.ts';
import type { ServiceShape } from './shape.ts';

/** Those that Istio knows without a word of MeshConfig. */
const BUILT_IN: readonly ExtensionProvider[] = [
  { kind: 'prometheus', name: 'prometheus' },
  { kind: 'file-log', name: 'envoy', path: '/dev/stdout', format: undefined, omitsEmpty: false },
];

/** The provider of this name, whose case does not count. */
export function providerNamed({ extensionProviders }: MeshSettings, name: string): ExtensionProvider | undefined {
  const isNamed = (provider: ExtensionProvider) => provider.name.toLowerCase() === name.toLowerCase();
  return extensionProviders.find(isNamed) ?? BUILT_IN.find(isNamed);
}

/** Hosts of the providers that are services of the mesh, by the provider's name, as JSON: equal ones are one value. */
export const providerHosts = memoised((shapes: readonly ServiceShape[], settings: MeshSettings): string => {
  const hosts: Record<string, string> = {};
  for (const provider of settings.extensionProviders) {
    const found = 'service' in provider ? providerService(provider.service, shapes) : '';
    if (typeof found !== 'string') hosts[provider.name] = found.hostname;
  }
  return JSON.stringify(hosts);
});

/** The cluster of a provider and the name of its host; undefined where there is no such service. */
export function providerCluster(
  { telemetry }: MeshSettings,
  { name, port }: { readonly name: string; readonly port: number },
): { readonly cluster: string; readonly host: string } | undefined {
  const host = telemetry?.hosts[name];
  return host === undefined ? undefined : { cluster: outboundCluster(port, '', host), host };
}

/** The providers that settings name, and where those are that are services of the mesh. */
import type { ExtensionProvider } from '../../model/extension-provider.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import { memoised } from './memo.ts';
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

/** Full host name of `service` (`[<namespace>/]<host name>`); without a namespace the host must be of one only. */
function hostOf(shapes: readonly ServiceShape[], service: string): string | undefined {
  const slash = service.indexOf('/');
  const host = service.slice(slash + 1);
  const named = shapes.filter(({ hostname, namespace }) => hostname === host && (slash === -1 || namespace === service.slice(0, slash)));
  const namespaces = new Set(named.map(({ namespace }) => namespace));
  return namespaces.size === 1 ? host : undefined;
}

/** Hosts of the providers that are services of the mesh, by the provider's name, as JSON: equal ones are one value. */
export const providerHosts = memoised((shapes: readonly ServiceShape[], settings: MeshSettings): string => {
  const hosts: Record<string, string> = {};
  for (const provider of settings.extensionProviders) {
    const host = 'service' in provider ? hostOf(shapes, provider.service) : undefined;
    if (host !== undefined) hosts[provider.name] = host;
  }
  return JSON.stringify(hosts);
});

/** The cluster of a provider and the name of its host; undefined where there is no such service. */
export function providerCluster(
  { telemetry }: MeshSettings,
  { name, port }: { readonly name: string; readonly port: number },
): { readonly cluster: string; readonly host: string } | undefined {
  const host = telemetry?.hosts[name];
  return host === undefined ? undefined : { cluster: `outbound|${port}||${host}`, host };
}

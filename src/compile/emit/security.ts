/** All of a mesh that decides who may come in, with the services resolved that decisions need. */
import type { KeySet } from '../../model/key-set.ts';
import { serviceOfUrl } from '../../model/key-set.ts';
import { isAuthorizationProvider } from '../../model/extension-provider.ts';
import type { Mesh, MeshSettings } from '../../model/mesh.ts';
import { providerService } from '../../model/provider-service.ts';
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from '../../model/security.ts';
import type { Asked } from './ext-authz.ts';
import { memoised } from './memo.ts';
import { outboundCluster } from './names.ts';
import type { ServiceShape } from './shape.ts';

export interface Security {
  readonly settings: MeshSettings;
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly keySets: readonly KeySet[];
  /** Providers that can be asked, by name. */
  readonly providers: ReadonlyMap<string, Asked>;
  /** Clusters that keys are fetched from by proxies, by URL: services of the mesh. */
  readonly keyClusters: ReadonlyMap<string, string>;
}

/** What the services have to do with it, as text: the same while they change in other things. */
interface Clusters {
  readonly providers: readonly (readonly [name: string, hostname: string])[];
  readonly keys: readonly (readonly [url: string, cluster: string])[];
}

const clustersIn = memoised(
  (shapes: readonly ServiceShape[], settings: MeshSettings, requestAuthentications: readonly RequestAuthentication[]): string => {
    const providers = settings.extensionProviders.filter(isAuthorizationProvider).flatMap((provider) => {
      const found = providerService(provider.service, shapes);
      return typeof found === 'string' ? [] : [[provider.name, found.hostname] as const];
    });
    const urls = requestAuthentications.flatMap(({ rules }) => rules.flatMap(({ jwks, jwksUri }) => (jwks === '' ? [jwksUri] : [])));
    const keys = [...new Set(urls)].flatMap((url) => {
      const service = serviceOfUrl(url, shapes);
      return service === undefined ? [] : [[url, outboundCluster(service.port, '', service.hostname)] as const];
    });
    return JSON.stringify({ providers, keys } satisfies Clusters);
  },
);

const assembled = memoised(
  (
    settings: MeshSettings,
    peerAuthentications: readonly PeerAuthentication[],
    requestAuthentications: readonly RequestAuthentication[],
    authorizationPolicies: readonly AuthorizationPolicy[],
    keySets: readonly KeySet[],
    clusters: string,
  ): Security => {
    const found: Clusters = JSON.parse(clusters);
    const providers = new Map<string, Asked>();
    for (const provider of settings.extensionProviders.filter(isAuthorizationProvider)) {
      const hostname = found.providers.find(([name]) => name === provider.name)?.[1];
      if (hostname === undefined) continue;
      providers.set(provider.name, { provider, hostname, cluster: outboundCluster(provider.port, '', hostname) });
    }
    const keyClusters = new Map(found.keys);
    return { settings, peerAuthentications, requestAuthentications, authorizationPolicies, keySets, providers, keyClusters };
  },
);

/** The security of `mesh`, whose services have `shapes`: the same object while nothing of it changes. */
export function securityOf(mesh: Omit<Mesh, 'services' | 'instances'>, shapes: readonly ServiceShape[]): Security {
  const { settings, peerAuthentications, requestAuthentications, authorizationPolicies, keySets } = mesh;
  const clusters = clustersIn(shapes, settings, requestAuthentications);
  return assembled(settings, peerAuthentications, requestAuthentications, authorizationPolicies, keySets, clusters);
}

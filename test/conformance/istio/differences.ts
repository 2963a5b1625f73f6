/**
 * Where our control plane sends otherwise than istiod, on purpose. Cases refer to this table, and
 * docs/differences-from-istio.md is made from it by `node tools/gen-reference.ts`.
 */

export interface IstioDifference {
  readonly area: 'listeners' | 'routes' | 'clusters' | 'endpoints' | 'security';
  readonly istio: string;
  readonly tulle: string;
  readonly why: string;
}

/** By short names that cases use. */
export const DIFFERENCES = {
  clearsRouteCache: {
    area: 'security',
    istio: 'forgets `clearRouteCache` of providers that decide about requests',
    tulle: 'obeys it',
    why: 'so it is written in the API’s documentation',
  },
  clientAlpn: {
    area: 'clusters',
    istio: 'offers no ALPN where a DestinationRule asks for TLS and the port speaks HTTP/1.1',
    tulle: 'offers `http/1.1`',
    why: 'a server that speaks several versions then knows which one comes',
  },
  gatewayBytesAlpn: {
    area: 'listeners',
    istio: 'offers HTTP by ALPN where a gateway ends TLS and passes bytes on',
    tulle: 'offers nothing',
    why: 'a client would begin to speak HTTP/2 to what may be anything',
  },
  gatewayPeers: {
    area: 'listeners',
    istio: 'takes any certificate that the mesh’s CA has signed at a gateway with `ISTIO_MUTUAL`',
    tulle: 'takes those of the trust domain and its aliases, as sidecars do',
    why: 'a CA may sign for others too',
  },
  joinsPolicies: {
    area: 'clusters',
    istio:
      'takes one of two DestinationRules for a host in a namespace where their `exportTo` or `workloadSelector` differ, and knows no subset of the other',
    tulle: 'joins the subsets of both for clients that both are for; settings are those of the one with a selector, else of the older',
    why: 'routes to a subset that somebody wrote lead there, and not to a 503',
  },
  meshKeys: {
    area: 'security',
    istio:
      'fetches the keys at `jwksUri` itself, also where they are at a service of the mesh, unless it is told otherwise by its environment',
    tulle: 'has proxies fetch them where `jwksUri` is plain HTTP to a service of the mesh, and fetches all others itself',
    why: 'only proxies know the names of the mesh, and only they speak its mutual TLS',
  },
  opaqueTwin: {
    area: 'clusters',
    istio: 'sends bytes on a port without a protocol to the cluster that HTTP goes to, and says by a filter of its own what ALPN to offer',
    tulle: 'sends them to a twin of it, `…|tcp`, which offers what bytes offer',
    why: 'a stock Envoy has no such filter',
  },
  patchFields: {
    area: 'listeners',
    istio: 'leaves fields of an EnvoyFilter that its Envoy does not have out, with a warning',
    tulle: 'refuses the EnvoyFilter, with the line of the field',
    why: 'what is misspelt would do nothing',
  },
  patchListenerFilters: {
    area: 'listeners',
    istio: 'merges a patch of one listener filter into all of them, and gives the rest up at the first that is of another type',
    tulle: 'merges it into the one that is named',
    why: 'that is what is written',
  },
  extensionConfigs: {
    area: 'listeners',
    istio: 'sends EXTENSION_CONFIG as a resource that the filter asks for',
    tulle: 'puts it into the filter',
    why: 'it says the same, and proxies that do not discover extensions can have it',
  },
  patchOperations: {
    area: 'listeners',
    istio: 'passes over MERGE_AND_REPLACE_LIST of filters',
    tulle: 'refuses it, and names MERGE',
    why: 'a patch that does nothing is a mistake',
  },
  patchTypes: {
    area: 'listeners',
    istio: 'sends extensions of all types that Envoy has',
    tulle:
      'refuses those that its own proxies do not have, such as Lua, unless `match.proxy` says for which Envoys they are: these get them as TypedStructs',
    why: 'a proxy that does not have an extension refuses the whole listener',
  },
  routeNames: {
    area: 'routes',
    istio: 'names the route of a named match in a rule without a name `.match`',
    tulle: 'names it `match`',
    why: 'the dot separates nothing',
  },
  secretWithoutSelector: {
    area: 'clusters',
    istio:
      'speaks plain text to a host whose DestinationRule names a Secret (`credentialName`) and has no `workloadSelector`, where the client is a sidecar',
    tulle: 'speaks TLS with the Secret of the client’s namespace',
    why: 'whoever writes `mode: SIMPLE` means that nothing goes in plain text',
  },
  serverLimits: {
    area: 'clusters',
    istio: 'puts the connection pool of the DestinationRule for its own service before the application too',
    tulle: 'obeys it in clients only',
    why: 'what is written for clients would count twice, and differently for each workload behind two services',
  },
  singlePort: {
    area: 'routes',
    istio: 'routes to the port of the listener where a destination names none and its service’s only port is another one: 503',
    tulle: 'routes to that only port',
    why: 'so it is written in the API’s documentation: a port need not be named where there is one',
  },
  tagsOfNoSpans: {
    area: 'listeners',
    istio: 'says the tags of spans also where spans go nowhere',
    tulle: 'says none there',
    why: 'they name the workload, and would make the listeners of all workloads differ',
  },
  tlsFallback: {
    area: 'listeners',
    istio:
      'passes a connection to the address of a service on where none of its VirtualService’s `tls` rules matches: it goes to the address unbalanced',
    tulle: 'sends it to the service',
    why: 'its client has called the service, and limits and balancing are the service’s',
  },
  unreadyEndpoints: {
    area: 'endpoints',
    istio: 'leaves endpoints out that are not ready',
    tulle: 'sends them marked unhealthy',
    why: 'they get no traffic either way, and a proxy can say why',
  },
  zeroSampling: {
    area: 'listeners',
    istio: 'takes `defaultConfig.tracing.sampling: 0` for nothing said, and samples 1 %',
    tulle: 'samples nothing',
    why: 'whoever writes 0 means it; `randomSamplingPercentage: 0` of a Telemetry does in both',
  },
} as const satisfies Readonly<Record<string, IstioDifference>>;

export type DifferenceName = keyof typeof DIFFERENCES;

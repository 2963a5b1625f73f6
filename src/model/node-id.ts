/** Ids of proxies, in Istio's form: `sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local`. */

/** The name that an id has for people: `web-0.shop`; the whole id where it is of another form. */
export function proxyNameOf(id: string): string {
  return id.split('~')[2] ?? id;
}

/** The cluster that workloads are in where there is but one, as Istio names it: in metrics, tunnels and node metadata. */
export const CLUSTER_ID = 'Kubernetes';

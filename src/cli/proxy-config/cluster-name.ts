/** Names of clusters as istiod makes them: `outbound|80|v1|reviews.shop.svc.cluster.local`. */

export interface ClusterName {
  /** `outbound`, `inbound`, '' for other clusters. */
  readonly direction: string;
  readonly port: string;
  readonly subset: string;
  /** The host, or the whole name of other clusters. */
  readonly fqdn: string;
}

/** Takes a cluster's name apart. */
export function clusterNameOf(name: string): ClusterName {
  const [direction = '', port = '', subset = '', ...host] = name.split('|');
  if (host.length === 0) return { direction: '', port: '', subset: '', fqdn: name };
  return { direction, port, subset, fqdn: host.join('|') };
}

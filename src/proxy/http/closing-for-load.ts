import type { NetworkScope } from '../network/filter.ts';

/** Whether a response is to be its connection's last because the proxy is overloaded. Source: Envoy, `disable_http_keepalive`. */
export function isClosingForLoad({ overload, random }: Pick<NetworkScope, 'overload' | 'random'>): boolean {
  return overload !== undefined && overload.closingShare > 0 && random() < overload.closingShare;
}

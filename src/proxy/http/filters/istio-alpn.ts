import { ConfigError } from '../../../core/errors.ts';
import {
  type FilterConfig,
  FilterConfig_Protocol as Protocol,
  FilterConfigSchema,
} from '../../../xds/gen/istio/envoy/config/filter/http/alpn/v2alpha1/config_pb.ts';
import { CONTINUE, type HttpFilter } from '../filter.ts';
import type { AlpnOffers } from '../stream-info.ts';

const NAMES: ReadonlyMap<Protocol, keyof AlpnOffers> = new Map([
  [Protocol.HTTP10, 'http10'],
  [Protocol.HTTP11, 'http1'],
  [Protocol.HTTP2, 'http2'],
]);

function parse({ alpnOverride }: FilterConfig, path: string): AlpnOffers {
  const offers: Record<keyof AlpnOffers, readonly string[]> = { http10: [], http1: [], http2: [] };
  alpnOverride.forEach(({ upstreamProtocol, alpnOverride: names }, i) => {
    const name = NAMES.get(upstreamProtocol);
    if (name === undefined) throw new ConfigError(`${path}.alpn_override[${i}].upstream_protocol`, `${upstreamProtocol} is no protocol`);
    // the first word counts, as in Envoy's map
    if (offers[name].length === 0) offers[name] = names;
  });
  return offers;
}

/**
 * Says which protocols connections for a request offer by ALPN, by the version that its cluster speaks, so that a server's
 * proxy tells its peers of the mesh from others. Clusters may refuse it (`istio.alpn_override: "false"` in their metadata).
 * Istio: `istio.alpn`.
 */
export const istioAlpn: HttpFilter<typeof FilterConfigSchema, AlpnOffers> = {
  name: 'istio.alpn',
  schema: FilterConfigSchema,
  parse,
  create(offers) {
    return {
      onRequestHeaders({ info }) {
        info.alpnOffers = offers;
        return CONTINUE;
      },
    };
  },
};

/** The part of a bootstrap by which a measured proxy, Tulle or Envoy, gets all from a control plane on this machine. */

const ADS = { ads: {}, resource_api_version: 'V3' };

/** Delta xDS over the control plane's Unix socket, with a token. */
export function adsOverSocket(xdsSocket: string, token: string): object {
  return {
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' }, initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }] }],
      },
      lds_config: ADS,
      cds_config: ADS,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: xdsSocket } } } }] }],
          },
        },
      ],
    },
  };
}

/** Connection managers that several topics ask, as `listeners` of a topic. */
import type { Listener } from './bootstrap.ts';

/** As a sidecar's: the client is believed, paths stay as they are. */
export const SIDECAR: Listener = {
  manager: { upgrade_configs: [{ upgrade_type: 'websocket' }], http_protocol_options: { enable_trailers: true } },
};

/** As a gateway's: nothing is believed, paths are normalized. */
export const EDGE: Listener = {
  manager: {
    use_remote_address: true,
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
    strip_any_host_port: true,
    server_name: 'gate',
    via: 'gate',
    always_set_request_id_in_response: true,
    common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST', max_headers_count: 20 },
    http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'old.test' },
  },
};

/** As a gateway's behind another proxy. */
export const FORWARD: Listener = {
  manager: {
    use_remote_address: true,
    xff_num_trusted_hops: 1,
    skip_xff_append: true,
    normalize_path: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD',
    preserve_external_request_id: true,
    server_header_transformation: 'APPEND_IF_ABSENT',
    strip_matching_host_port: true,
    common_http_protocol_options: { headers_with_underscores_action: 'DROP_HEADER', max_requests_per_connection: 2 },
    http_protocol_options: { allow_custom_methods: true },
  },
};

/** A small limit of heads, and few fields of its own. */
export const STRICT: Listener = {
  manager: {
    normalize_path: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    server_header_transformation: 'PASS_THROUGH',
    generate_request_id: false,
    max_request_headers_kb: 8,
    internal_address_config: { cidr_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] },
    use_remote_address: false,
    http_protocol_options: { allow_absolute_url: true },
    append_x_forwarded_port: true,
    strip_trailing_host_dot: true,
  },
};

/** Little time for a request to come, and to be answered. */
export const IMPATIENT: Listener = { manager: { ...STRICT.manager, stream_idle_timeout: '0.8s', request_headers_timeout: '0.4s' } };

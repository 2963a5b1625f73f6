/** What of the xDS API is generated. A field whose type is excluded does not exist for us: a proxy that is sent one answers NACK. */
export const ROOTS = [
  'envoy.service.discovery.v3.AggregatedDiscoveryService',
  'envoy.config.bootstrap.v3.Bootstrap',
  'envoy.config.listener.v3.Listener',
  'envoy.config.route.v3.RouteConfiguration',
  'envoy.config.route.v3.VirtualHost',
  'envoy.config.route.v3.FilterConfig',
  'envoy.config.cluster.v3.Cluster',
  'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
  'envoy.extensions.filters.network.rbac.v3.RBAC',
  'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
  'envoy.extensions.filters.network.direct_response.v3.Config',
  'envoy.extensions.filters.network.echo.v3.Echo',
  'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit',
  'envoy.extensions.filters.network.set_filter_state.v3.Config',
  'envoy.extensions.filters.network.sni_cluster.v3.SniCluster',
  'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz',
  'envoy.extensions.filters.http.router.v3.Router',
  'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig',
  'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig',
  'envoy.extensions.filters.http.rbac.v3.RBAC',
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute',
  'envoy.extensions.filters.http.fault.v3.HTTPFault',
  'envoy.extensions.filters.http.cors.v3.Cors',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy',
  'envoy.extensions.filters.http.compressor.v3.Compressor',
  'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication',
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
  'envoy.extensions.compression.gzip.compressor.v3.Gzip',
  'envoy.extensions.compression.gzip.decompressor.v3.Gzip',
  'envoy.extensions.compression.brotli.compressor.v3.Brotli',
  'envoy.extensions.compression.brotli.decompressor.v3.Brotli',
  'envoy.extensions.compression.zstd.compressor.v3.Zstd',
  'envoy.extensions.compression.zstd.decompressor.v3.Zstd',
  'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState',
  'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState',
  'envoy.service.auth.v3.Authorization',
  'envoy.extensions.filters.http.on_demand.v3.OnDemand',
  'envoy.extensions.filters.http.csrf.v3.CsrfPolicy',
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
  'envoy.extensions.filters.http.buffer.v3.Buffer',
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute',
  'envoy.extensions.filters.http.health_check.v3.HealthCheck',
  'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink',
  'envoy.extensions.filters.http.set_filter_state.v3.Config',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  'envoy.extensions.filters.http.on_demand.v3.PerRouteConfig',
  'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
  'envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig',
  'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
  'envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig',
  'envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig',
  'envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
  'envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit',
  'envoy.extensions.clusters.aggregate.v3.ClusterConfig',
  'envoy.extensions.clusters.dns.v3.DnsCluster',
  'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
  'envoy.extensions.clusters.original_dst.v3.OriginalDstCluster',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig',
  'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig',
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
  'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig',
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  'envoy.extensions.transport_sockets.tls.v3.Secret',
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
  'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
  'envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  'envoy.extensions.access_loggers.file.v3.FileAccessLog',
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
  'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig',
  'envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig',
  'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig',
  'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
  'envoy.config.trace.v3.ZipkinConfig',
  'envoy.config.trace.v3.OpenTelemetryConfig',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig',
  'envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig',
  'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest',
  'opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse',
  'envoy.config.metrics.v3.MetricsServiceConfig',
  'envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig',
  'envoy.service.metrics.v3.MetricsService',
  'opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest',
  'opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse',
  'opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest',
  'opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse',
  'envoy.service.accesslog.v3.AccessLogService',
  'envoy.service.runtime.v3.Runtime',
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin',
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
  'envoy.extensions.load_balancing_policies.random.v3.Random',
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash',
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev',
  'envoy.extensions.load_balancing_policies.subset.v3.Subset',
  'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality',
  'envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided',
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost',
  'envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma',
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
  'envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate',
  'envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
  'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig',
  'envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig',
  'envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig',
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
  'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig',
  'envoy.extensions.formatter.metadata.v3.Metadata',
  'envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery',
  'udpa.type.v1.TypedStruct',
  'xds.type.v3.TypedStruct',
  'google.rpc.Status',
  'istio.v1.auth.IstioCertificateService',
  'istio.networking.nds.v1.NameTable',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  'stats.PluginConfig',
  'envoy.service.secret.v3.SecretDiscoveryService',
];

/** Left out with every field that has their type: what no part of Tulle reads or writes. */
export const EXCLUDED = [
  'xds.type.matcher.v3.Matcher',
  'xds.type.matcher.v3.Matcher.MatcherList',
  'xds.type.v3.CelExpression',
  'google.api.expr.v1alpha1.CheckedExpr',
];

/**
 * Fields that Envoy 1.40 has and the packed .proto files have not yet: what is put after the line that opens a message
 * or oneof, by file.
 */
export const ADDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'envoy/config/route/v3/route_components.proto': {
    'import "envoy/type/matcher/v3/metadata.proto";':
      'import "envoy/config/core/v3/address.proto"; import "envoy/type/matcher/v3/filter_state.proto"; import "envoy/config/core/v3/substitution_format_string.proto";',
    'message VirtualHost {': 'google.protobuf.UInt64Value request_body_buffer_limit = 25;',
    'message Route {': 'google.protobuf.UInt64Value request_body_buffer_limit = 20;',
    'option java_multiple_files = true;':
      'message CookieMatcher { string name = 1; type.matcher.v3.StringMatcher string_match = 2; bool invert_match = 3; }',
    'message RouteMatch {': 'repeated CookieMatcher cookies = 17; repeated type.matcher.v3.FilterStateMatcher filter_state = 16;',
    'message RouteAction {': 'google.protobuf.Duration flush_timeout = 42;',
    'message RequestMirrorPolicy {': 'string host_rewrite_literal = 8;',
    'message RetryPolicy {': 'bool refresh_cluster_on_retry = 14;',
    'message DirectResponseAction {': 'core.v3.SubstitutionFormatString body_format = 3;',
    'message GenericKey {': 'string default_value = 3;',
    'message HeaderValueMatch {': 'string default_value = 5;',
    'message QueryParameterValueMatch {': 'string default_value = 5;',
    'message RateLimit {':
      'message HitsAddend { google.protobuf.UInt64Value number = 1; string format = 2; bool is_negative_hits = 3; } ' +
      'enum XRateLimitOption { UNSPECIFIED = 0; OFF = 1; DRAFT_VERSION_03 = 2; } ' +
      'HitsAddend hits_addend = 5; bool apply_on_stream_done = 6; XRateLimitOption x_ratelimit_option = 7;',
    'message Action {':
      'message QueryParameters { string query_parameter_name = 1; string descriptor_key = 2; bool skip_if_absent = 3; } ' +
      'message AddressMatcher { repeated core.v3.CidrRange ranges = 1; bool invert_match = 2; } ' +
      'message RemoteAddressMatch { string descriptor_value = 1; string descriptor_key = 2; string default_value = 3; AddressMatcher address_matcher = 4; } ',
    'oneof action_specifier {': 'QueryParameters query_parameters = 12; RemoteAddressMatch remote_address_match = 13;',
  },
  'envoy/config/core/v3/protocol.proto': {
    'import "envoy/type/v3/percent.proto";': 'import "envoy/type/matcher/v3/string.proto";',
    'message Http1ProtocolOptions {': 'repeated type.matcher.v3.StringMatcher ignore_http_11_upgrade = 11;',
  },
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto': {
    'message HttpConnectionManager {': 'bool http1_safe_max_connection_duration = 58; google.protobuf.Duration stream_flush_timeout = 59;',
    'message Tracing {': 'string operation = 11; string upstream_operation = 12; bool no_context_propagation = 13;',
  },
  'envoy/config/core/v3/base.proto': {
    'message KeyValueAppend {': 'KeyValuePair record = 3;',
    'option java_multiple_files = true;': 'message KeyValuePair { string key = 1; google.protobuf.Value value = 2; }',
  },
  'envoy/config/common/mutation_rules/v3/mutation_rules.proto': {
    'import "envoy/type/matcher/v3/regex.proto";': 'import "envoy/type/matcher/v3/string.proto";',
    'message HeaderMutation {': 'message RemoveOnMatch { type.matcher.v3.StringMatcher key_matcher = 1; }',
    'oneof action {': 'RemoveOnMatch remove_on_match = 3;',
  },
  'envoy/config/rbac/v3/rbac.proto': {
    'option java_multiple_files = true;':
      'enum MetadataSource { DYNAMIC = 0; ROUTE = 1; } ' +
      'message SourcedMetadata { type.matcher.v3.MetadataMatcher metadata_matcher = 1; MetadataSource metadata_source = 2; }',
    'oneof rule {': 'SourcedMetadata sourced_metadata = 14;',
    'oneof identifier {': 'SourcedMetadata sourced_metadata = 13; core.v3.TypedExtensionConfig custom = 14;',
  },
  'envoy/extensions/load_balancing_policies/common/v3/common.proto': {
    'message ZoneAwareLbConfig {':
      'message ForceLocalZone { google.protobuf.UInt32Value min_size = 1; } ' +
      'enum LocalityBasis { HEALTHY_HOSTS_NUM = 0; HEALTHY_HOSTS_WEIGHT = 1; } ' +
      'bool force_locality_direct_routing = 4; ForceLocalZone force_local_zone = 5; LocalityBasis locality_basis = 6;',
  },
  'envoy/extensions/common/ratelimit/v3/ratelimit.proto': { 'message LocalRateLimitDescriptor {': 'bool shadow_mode = 3;' },
  'envoy/extensions/filters/http/fault/v3/fault.proto': { 'message FaultAbort {': 'string response_body = 6;' },
  'envoy/extensions/filters/http/header_mutation/v3/header_mutation.proto': {
    'import "envoy/config/common/mutation_rules/v3/mutation_rules.proto";':
      'import "envoy/config/core/v3/base.proto"; import "envoy/config/core/v3/extension.proto";',
    'message Mutations {':
      'repeated config.core.v3.KeyValueMutation query_parameter_mutations = 3; ' +
      'repeated config.common.mutation_rules.v3.HeaderMutation response_trailers_mutations = 4; ' +
      'repeated config.common.mutation_rules.v3.HeaderMutation request_trailers_mutations = 5; ' +
      'repeated config.core.v3.TypedExtensionConfig formatters = 6;',
  },
  'envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto': {
    'import "envoy/config/core/v3/base.proto";': 'import "envoy/config/route/v3/route_components.proto";',
    'message LocalRateLimit {':
      'repeated config.route.v3.RateLimit rate_limits = 17; google.protobuf.UInt32Value max_dynamic_descriptors = 18; ' +
      'bool enable_retry_after_header = 19;',
  },
  'envoy/extensions/filters/http/router/v3/router.proto': {
    'message Router {': 'google.protobuf.BoolValue reject_connect_request_early_data = 10;',
  },
  'envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.proto': { 'message Config {': 'bool clear_route_cache = 2;' },
  'envoy/config/core/v3/proxy_protocol.proto': {
    'package envoy.config.core.v3;': 'import "envoy/config/core/v3/substitution_format_string.proto";',
    'message ProxyProtocolConfig {': 'repeated TlvEntry added_tlvs = 3;',
    'option java_multiple_files = true;':
      'message TlvEntry { uint32 type = 1; bytes value = 2; SubstitutionFormatString format_string = 3; } ' +
      'message PerHostConfig { repeated TlvEntry added_tlvs = 1; }',
  },
  'envoy/config/listener/v3/listener.proto': {
    'message Listener {':
      'google.protobuf.Duration per_connection_buffer_high_watermark_timeout = 38; core.v3.TcpKeepalive tcp_keepalive = 37;',
    'message AdditionalAddress {': 'core.v3.TcpKeepalive tcp_keepalive = 3;',
  },
  'envoy/extensions/filters/network/rbac/v3/rbac.proto': {
    'import "envoy/config/rbac/v3/rbac.proto";': 'import "google/protobuf/duration.proto";',
    'message RBAC {': 'google.protobuf.Duration delay_deny = 8;',
  },
  'envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.proto': {
    'message Config {':
      'repeated common.set_filter_state.v3.FilterStateValue on_downstream_tls_handshake = 2; ' +
      'repeated common.set_filter_state.v3.FilterStateValue on_downstream_data = 3;',
  },
  'envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto': {
    'import "envoy/type/v3/hash_policy.proto";':
      'import "envoy/config/core/v3/backoff.proto"; import "envoy/config/core/v3/extension.proto"; import "envoy/config/core/v3/proxy_protocol.proto"; ' +
      'import "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto"; import "envoy/type/v3/percent.proto";',
    'option java_multiple_files = true;':
      'enum UpstreamConnectMode { IMMEDIATE = 0; ON_DOWNSTREAM_DATA = 1; ON_DOWNSTREAM_TLS_HANDSHAKE = 2; } ' +
      'enum ProxyProtocolTlvMergePolicy { ADD_IF_ABSENT = 0; OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD = 1; APPEND_IF_EXISTS_OR_ADD = 2; }',
    'message TcpProxy {':
      'config.core.v3.BackoffStrategy backoff_options = 18; repeated config.core.v3.TlvEntry proxy_protocol_tlvs = 19; ' +
      'type.v3.Percent max_downstream_connection_duration_jitter_percentage = 20; UpstreamConnectMode upstream_connect_mode = 21; ' +
      'google.protobuf.UInt32Value max_early_data_bytes = 22; ProxyProtocolTlvMergePolicy proxy_protocol_tlv_merge_policy = 23; ' +
      'google.protobuf.BoolValue check_drain_close = 24;',
    'message TunnelingConfig {':
      'http_connection_manager.v3.RequestIDExtension request_id_extension = 7; string request_id_header = 8; string request_id_metadata_key = 9; ' +
      'repeated config.core.v3.TypedExtensionConfig formatters = 10;',
    'message TcpAccessLogOptions {': 'bool flush_access_log_on_start = 3;',
  },
  'envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto': {
    'message ProxyProtocolUpstreamTransport {': 'bool allow_unspecified_address = 3; bool tlv_as_pool_key = 4;',
  },
  'envoy/extensions/transport_sockets/tls/v3/tls.proto': {
    'message UpstreamTlsContext {': 'bool auto_host_sni = 6; bool auto_sni_san_validation = 7;',
    'message DownstreamTlsContext {': 'bool prefer_client_ciphers = 11;',
    'message CommonTlsContext {': 'config.core.v3.TypedExtensionConfig custom_tls_certificate_selector = 16;',
  },
  'envoy/extensions/transport_sockets/tls/v3/common.proto': {
    'message TlsParameters {': 'enum CompliancePolicy { FIPS_202205 = 0; } repeated CompliancePolicy compliance_policies = 6;',
  },
  'envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto': {
    'message TlsInspector {':
      'google.protobuf.BoolValue enable_ja4_fingerprinting = 3; bool close_connection_on_client_hello_parsing_errors = 4; ' +
      'google.protobuf.UInt32Value max_client_hello_size = 5;',
  },
  'envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto': {
    'message KeyValuePair {':
      'enum ValueStringEncoding { UNSPECIFIED = 0; SANITIZED_UTF8 = 1; BASE64 = 2; } ValueStringEncoding value_string_encoding = 3;',
    'message ProxyProtocol {': 'enum TlvLocation { DYNAMIC_METADATA = 0; FILTER_STATE = 1; } TlvLocation tlv_location = 6;',
  },
  'envoy/config/cluster/v3/cluster.proto': {
    'message Cluster {': 'google.protobuf.Duration dns_jitter = 58;',
  },
  'envoy/config/cluster/v3/outlier_detection.proto': {
    'message OutlierDetection {': 'google.protobuf.BoolValue detect_degraded_hosts = 26;',
  },
  'envoy/config/cluster/v3/circuit_breaker.proto': {
    'import "google/protobuf/wrappers.proto";': 'import "google/protobuf/duration.proto";',
    'message RetryBudget {': 'google.protobuf.Duration budget_interval = 3;',
  },
  'envoy/config/endpoint/v3/endpoint_components.proto': { 'message Endpoint {': 'string observability_name = 5;' },
  'envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.proto': {
    'message DnsCacheConfig {': 'bool disable_dns_refresh_on_failure = 15;',
  },
  'envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.proto': {
    'message FilterConfig {': 'bool allow_dynamic_host_from_filter_state = 4;',
  },
  'envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy.proto': {
    'message FilterConfig {': 'bool save_upstream_address = 3;',
  },
  'envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.proto': {
    'import "google/protobuf/wrappers.proto";': 'import "google/protobuf/duration.proto";',
    'message CaresDnsResolverConfig {':
      'google.protobuf.UInt64Value query_timeout_seconds = 6; google.protobuf.UInt32Value query_tries = 7; bool rotate_nameservers = 8; ' +
      'google.protobuf.UInt32Value edns0_max_payload_size = 9; google.protobuf.Duration max_udp_channel_duration = 10; ' +
      'bool reinit_channel_on_timeout = 11; google.protobuf.UInt32Value qcache_max_ttl = 12;',
  },
  'envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver.proto': {
    'package envoy.extensions.network.dns_resolver.getaddrinfo.v3;': 'import "google/protobuf/wrappers.proto";',
    'message GetAddrInfoDnsResolverConfig {':
      'google.protobuf.UInt32Value num_retries = 1; google.protobuf.UInt32Value num_resolver_threads = 2;',
  },
  'envoy/type/tracing/v3/custom_tag.proto': { 'oneof type {': 'string value = 6;' },
  'envoy/config/core/v3/http_service.proto': {
    'import "envoy/config/core/v3/base.proto";': 'import "envoy/config/core/v3/extension.proto";',
    'message HttpService {': 'repeated TypedExtensionConfig formatters = 3;',
  },
  'envoy/config/trace/v3/zipkin.proto': {
    'import "google/protobuf/wrappers.proto";': 'import "envoy/config/core/v3/http_service.proto";',
    'message ZipkinConfig {':
      'enum TraceContextOption { USE_B3 = 0; USE_B3_WITH_W3C_PROPAGATION = 1; } TraceContextOption trace_context_option = 8; ' +
      'core.v3.HttpService collector_service = 9; bool timestamp_trace_ids = 10;',
  },
  'envoy/config/trace/v3/opentelemetry.proto': {
    'package envoy.config.trace.v3;': 'import "google/protobuf/wrappers.proto";',
    'message OpenTelemetryConfig {':
      'google.protobuf.UInt32Value max_cache_size = 6; google.protobuf.BoolValue set_telemetry_sdk_resource_attributes = 7; ' +
      'google.protobuf.BoolValue set_service_name_resource_attribute = 8; google.protobuf.BoolValue set_instrumentation_scope = 9;',
  },
  'envoy/extensions/access_loggers/open_telemetry/v3/logs_service.proto': {
    'import "envoy/config/core/v3/extension.proto";':
      'import "envoy/config/core/v3/grpc_service.proto"; import "envoy/config/core/v3/http_service.proto"; ' +
      'import "envoy/type/tracing/v3/custom_tag.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/wrappers.proto";',
    'message OpenTelemetryAccessLogConfig {':
      'config.core.v3.HttpService http_service = 8; config.core.v3.GrpcService grpc_service = 9; string log_name = 10; ' +
      'google.protobuf.Duration buffer_flush_interval = 11; google.protobuf.UInt32Value buffer_size_bytes = 12; ' +
      'repeated string filter_state_objects_to_log = 13; repeated type.tracing.v3.CustomTag custom_tags = 14;',
  },
  'envoy/config/metrics/v3/metrics_service.proto': { 'message MetricsServiceConfig {': 'uint32 batch_size = 6;' },
  'envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry.proto': {
    'import "envoy/config/core/v3/grpc_service.proto";':
      'import "envoy/config/core/v3/extension.proto"; import "envoy/config/core/v3/http_service.proto";',
    'message SinkConfig {': 'repeated config.core.v3.TypedExtensionConfig resource_detectors = 7; uint32 max_data_points_per_request = 10;',
    'oneof protocol_specifier {': 'config.core.v3.HttpService http_service = 9;',
  },
  'envoy/config/route/v3/route.proto': { 'message RouteConfiguration {': 'string vhost_header = 18;' },
};

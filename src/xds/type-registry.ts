/** The messages that can stand in an Any of our configuration, for writing configuration as JSON. */
import { createRegistry } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { HealthCheckEventFileSinkSchema } from './gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts';
import { FileAccessLogSchema } from './gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { ExpressionFilterSchema } from './gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { HttpGrpcAccessLogConfigSchema, TcpGrpcAccessLogConfigSchema } from './gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { OpenTelemetryAccessLogConfigSchema } from './gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import { MetricsServiceConfigSchema } from './gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import { SinkConfigSchema } from './gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.ts';
import { OpenTelemetryConfigSchema } from './gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import { ZipkinConfigSchema } from './gen/envoy/config/trace/v3/zipkin_pb.ts';
import { EnvironmentResourceDetectorConfigSchema } from './gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.ts';
import { StaticConfigResourceDetectorConfigSchema } from './gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts';
import { AlwaysOnSamplerConfigSchema } from './gen/envoy/extensions/tracers/opentelemetry/samplers/v3/always_on_sampler_pb.ts';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from './gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { BrotliSchema } from './gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts';
import { BrotliSchema as UnbrotliSchema } from './gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts';
import { GzipSchema } from './gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import { GzipSchema as GunzipSchema } from './gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import { ZstdSchema } from './gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { ZstdSchema as UnzstdSchema } from './gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts';
import { ClusterConfigSchema as AggregateClusterSchema } from './gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts';
import { DnsClusterSchema } from './gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { ClusterConfigSchema as DynamicClusterSchema } from './gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { OriginalDstClusterSchema } from './gen/envoy/extensions/clusters/original_dst/v3/original_dst_pb.ts';
import {
  FilterConfigSchema as DynamicForwardProxySchema,
  PerRouteConfigSchema as DynamicForwardProxyPerRouteSchema,
} from './gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { FilterConfigSchema as SniDynamicForwardProxySchema } from './gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.ts';
import { CaresDnsResolverConfigSchema } from './gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts';
import { GetAddrInfoDnsResolverConfigSchema } from './gen/envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver_pb.ts';
import { CompressorPerRouteSchema, CompressorSchema } from './gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { CorsPolicySchema, CorsSchema } from './gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { DecompressorSchema } from './gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts';
import { ExtAuthzPerRouteSchema, ExtAuthzSchema } from './gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { HTTPFaultSchema } from './gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { FilterConfigSchema as AlpnSchema } from './gen/istio/envoy/config/filter/http/alpn/v2alpha1/config_pb.ts';
import { PluginConfigSchema } from './gen/stats/config_pb.ts';
import { GrpcWebSchema } from './gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import {
  JwtAuthenticationSchema,
  PerRouteConfigSchema as JwtPerRouteConfigSchema,
} from './gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { CsrfPolicySchema } from './gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts';
import { LocalRateLimitSchema } from './gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import {
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
} from './gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { BufferPerRouteSchema, BufferSchema } from './gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { HealthCheckSchema } from './gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
import { ConfigSchema as SetFilterStateSchema } from './gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { FilterConfigSchema as GrpcStatsSchema } from './gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import {
  OnDemandSchema,
  PerRouteConfigSchema as OnDemandPerRouteSchema,
} from './gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts';
import { RBACPerRouteSchema, RBACSchema as HttpRbacSchema } from './gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from './gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from './gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import { CookieBasedSessionStateSchema } from './gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts';
import { HeaderBasedSessionStateSchema } from './gen/envoy/extensions/http/stateful_session/header/v3/header_pb.ts';
import { PreserveCaseFormatterConfigSchema } from './gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts';
import { UuidRequestIdConfigSchema } from './gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import { FilterConfigSchema } from './gen/envoy/config/route/v3/route_components_pb.ts';
import { LocalRateLimitSchema as ListenerRateLimitSchema } from './gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.ts';
import { ConnectionLimitSchema } from './gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { ConfigSchema as DirectResponseSchema } from './gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { EchoSchema } from './gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { LocalRateLimitSchema as NetworkRateLimitSchema } from './gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { ConfigSchema as NetworkFilterStateSchema } from './gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { ExtAuthzSchema as NetworkExtAuthzSchema } from './gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { SniClusterSchema } from './gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from './gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { HttpInspectorSchema } from './gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from './gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from './gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from './gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { RBACSchema as NetworkRbacSchema } from './gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { TcpProxySchema } from './gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { MetadataSchema as MetadataFormatterSchema } from './gen/envoy/extensions/formatter/metadata/v3/metadata_pb.ts';
import { ReqWithoutQuerySchema } from './gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { AllowListedRoutesConfigSchema } from './gen/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.ts';
import { PreviousRoutesConfigSchema } from './gen/envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config_pb.ts';
import { SafeCrossSchemeConfigSchema } from './gen/envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config_pb.ts';
import { LeastRequestSchema } from './gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { ClusterProvidedSchema } from './gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.ts';
import { MaglevSchema } from './gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts';
import { OverrideHostSchema } from './gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts';
import { PeakEwmaSchema } from './gen/envoy/extensions/load_balancing_policies/peak_ewma/v3alpha/peak_ewma_pb.ts';
import { RingHashSchema } from './gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts';
import { SubsetSchema } from './gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts';
import { WrrLocalitySchema } from './gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { RandomSchema } from './gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { RoundRobinSchema } from './gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import { UriTemplateMatchConfigSchema } from './gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import { UriTemplateRewriteConfigSchema } from './gen/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts';
import { OmitCanaryHostsPredicateSchema } from './gen/envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts_pb.ts';
import { OmitHostMetadataConfigSchema } from './gen/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts';
import { PreviousHostsPredicateSchema } from './gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PreviousPrioritiesConfigSchema } from './gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import { InternalListenerSchema } from './gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import { InternalUpstreamTransportSchema } from './gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { ScaleTimersOverloadActionConfigSchema } from './gen/envoy/config/overload/v3/overload_pb.ts';
import { CgroupMemoryConfigSchema } from './gen/envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory_pb.ts';
import { CpuUtilizationConfigSchema } from './gen/envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization_pb.ts';
import { DownstreamConnectionsConfigSchema } from './gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.ts';
import { FixedHeapConfigSchema } from './gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.ts';
import { InjectedResourceConfigSchema } from './gen/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.ts';
import { RawBufferSchema } from './gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { SPIFFECertValidatorConfigSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from './gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { TypedStructSchema as UdpaTypedStructSchema } from './gen/udpa/type/v1/typed_struct_pb.ts';
import { TypedStructSchema as XdsTypedStructSchema } from './gen/xds/type/v3/typed_struct_pb.ts';

/** Every type that some `typed_config` which Tulle accepts may have. */
export const typeRegistry = createRegistry(
  FilterConfigSchema,
  PreserveCaseFormatterConfigSchema,
  UuidRequestIdConfigSchema,
  StructSchema,
  FileAccessLogSchema,
  HealthCheckEventFileSinkSchema,
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
  BrotliSchema,
  UnbrotliSchema,
  GzipSchema,
  GunzipSchema,
  ZstdSchema,
  UnzstdSchema,
  CompressorPerRouteSchema,
  CompressorSchema,
  DecompressorSchema,
  AlpnSchema,
  PluginConfigSchema,
  GrpcWebSchema,
  CorsPolicySchema,
  CorsSchema,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
  HTTPFaultSchema,
  JwtAuthenticationSchema,
  JwtPerRouteConfigSchema,
  CsrfPolicySchema,
  LocalRateLimitSchema,
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
  BufferPerRouteSchema,
  BufferSchema,
  HealthCheckSchema,
  SetFilterStateSchema,
  GrpcStatsSchema,
  OnDemandPerRouteSchema,
  OnDemandSchema,
  RBACPerRouteSchema,
  HttpRbacSchema,
  RouterSchema,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
  CookieBasedSessionStateSchema,
  HeaderBasedSessionStateSchema,
  HttpInspectorSchema,
  OriginalDstSchema,
  ProxyProtocolSchema,
  TlsInspectorSchema,
  HttpConnectionManagerSchema,
  NetworkRbacSchema,
  TcpProxySchema,
  ConnectionLimitSchema,
  DirectResponseSchema,
  EchoSchema,
  NetworkRateLimitSchema,
  NetworkFilterStateSchema,
  NetworkExtAuthzSchema,
  SniClusterSchema,
  ListenerRateLimitSchema,
  ProxyProtocolUpstreamTransportSchema,
  ReqWithoutQuerySchema,
  LeastRequestSchema,
  RandomSchema,
  ClusterProvidedSchema,
  MaglevSchema,
  OverrideHostSchema,
  PeakEwmaSchema,
  RingHashSchema,
  SubsetSchema,
  WrrLocalitySchema,
  RoundRobinSchema,
  PreviousHostsPredicateSchema,
  OmitCanaryHostsPredicateSchema,
  OmitHostMetadataConfigSchema,
  PreviousPrioritiesConfigSchema,
  AllowListedRoutesConfigSchema,
  PreviousRoutesConfigSchema,
  SafeCrossSchemeConfigSchema,
  UriTemplateMatchConfigSchema,
  UriTemplateRewriteConfigSchema,
  MetadataFormatterSchema,
  InternalListenerSchema,
  InternalUpstreamTransportSchema,
  CgroupMemoryConfigSchema,
  CpuUtilizationConfigSchema,
  DownstreamConnectionsConfigSchema,
  FixedHeapConfigSchema,
  InjectedResourceConfigSchema,
  ScaleTimersOverloadActionConfigSchema,
  AggregateClusterSchema,
  DnsClusterSchema,
  DynamicClusterSchema,
  OriginalDstClusterSchema,
  DynamicForwardProxySchema,
  DynamicForwardProxyPerRouteSchema,
  SniDynamicForwardProxySchema,
  CaresDnsResolverConfigSchema,
  GetAddrInfoDnsResolverConfigSchema,
  RawBufferSchema,
  DownstreamTlsContextSchema,
  SPIFFECertValidatorConfigSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  ExpressionFilterSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
  OpenTelemetryAccessLogConfigSchema,
  OpenTelemetryConfigSchema,
  MetricsServiceConfigSchema,
  SinkConfigSchema,
  ZipkinConfigSchema,
  EnvironmentResourceDetectorConfigSchema,
  StaticConfigResourceDetectorConfigSchema,
  AlwaysOnSamplerConfigSchema,
  UdpaTypedStructSchema,
  XdsTypedStructSchema,
);

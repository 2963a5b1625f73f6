/**
 * Which fields of which messages Tulle obeys. A field that is set and does not stand here is refused by name, so that
 * nobody believes in configuration that does nothing.
 *
 * A `-` before a name: accepted, and without effect, because it tunes a mechanism that Tulle does not have
 * (Envoy's memory, its DNS library, its threads) and changes no answer to any client.
 */
const ROWS: Readonly<Record<string, string>> = {
  // values that are part of many messages
  'envoy.config.core.v3.Address': 'socket_address pipe envoy_internal_address',
  'envoy.config.core.v3.AggregatedConfigSource': '',
  'envoy.config.core.v3.EnvoyInternalAddress': 'server_listener_name endpoint_id',
  'envoy.config.core.v3.CidrRange': 'address_prefix prefix_len',
  'envoy.config.core.v3.ConfigSource': 'ads path path_config_source api_config_source initial_fetch_timeout -resource_api_version',
  'envoy.config.core.v3.DataSource': 'filename inline_bytes inline_string environment_variable',
  'envoy.config.core.v3.HeaderValue': 'key value raw_value',
  'envoy.config.core.v3.HeaderValueOption': 'header append append_action keep_empty_value',
  'envoy.config.core.v3.HttpUri': 'uri cluster timeout',
  'envoy.config.core.v3.HttpService': 'http_uri request_headers_to_add',
  'envoy.config.core.v3.RetryPolicy': 'retry_back_off num_retries',
  'envoy.config.core.v3.Locality': 'region zone sub_zone',
  'envoy.config.core.v3.Metadata': 'filter_metadata -typed_filter_metadata',
  'envoy.config.core.v3.PathConfigSource': 'path watched_directory',
  'envoy.config.core.v3.WatchedDirectory': 'path',
  'envoy.config.core.v3.Pipe': 'path mode',
  'envoy.config.core.v3.RuntimeDouble': 'default_value runtime_key',
  'envoy.config.core.v3.RuntimeFractionalPercent': 'default_value runtime_key',
  'envoy.config.core.v3.RuntimeFeatureFlag': 'default_value runtime_key',
  'envoy.config.core.v3.RuntimeUInt32': 'default_value runtime_key',
  'envoy.config.core.v3.SocketAddress': 'protocol address port_value -ipv4_compat',
  'envoy.config.core.v3.SubstitutionFormatString':
    'text_format json_format text_format_source omit_empty_values formatters content_type -json_format_options',
  'envoy.config.core.v3.JsonFormatOptions': '-sort_properties',
  'envoy.config.core.v3.TransportSocket': 'name typed_config',
  'envoy.config.core.v3.TypedExtensionConfig': 'name typed_config',
  'xds.core.v3.TypedExtensionConfig': 'name typed_config',
  'envoy.config.core.v3.BackoffStrategy': 'base_interval max_interval',
  'envoy.config.core.v3.TcpKeepalive': 'keepalive_time keepalive_probes keepalive_interval',
  'envoy.type.matcher.v3.ListStringMatcher': 'patterns',
  'envoy.type.matcher.v3.StringMatcher': 'exact prefix suffix safe_regex contains ignore_case',
  'envoy.type.matcher.v3.RegexMatcher': 'regex -google_re2',
  'envoy.type.matcher.v3.RegexMatcher.GoogleRE2': '-max_program_size',
  'envoy.type.matcher.v3.RegexMatchAndSubstitute': 'pattern substitution',
  'envoy.type.matcher.v3.PathMatcher': 'path',
  'envoy.type.v3.FractionalPercent': 'numerator denominator',
  'envoy.type.v3.Percent': 'value',
  'envoy.type.v3.Int64Range': 'start end',
  'envoy.type.v3.Int32Range': 'start end',
  'udpa.type.v1.TypedStruct': 'type_url value',
  'xds.type.v3.TypedStruct': 'type_url value',

  // bootstrap
  'envoy.config.bootstrap.v3.Bootstrap':
    'node static_resources dynamic_resources admin bootstrap_extensions cluster_manager -stats_config stats_sinks layered_runtime -node_context_params stats_flush_interval -flags_path -watchdogs -watchdog overload_manager -default_regex_engine typed_dns_resolver_config dns_resolution_config -enable_dispatcher_stats -deferred_stat_options -memory_allocator_manager -listener_manager -grpc_async_client_manager_config -header_prefix -default_config_source -inline_headers',
  'envoy.config.bootstrap.v3.Admin': 'address access_log -access_log_path -profile_path -ignore_global_conn_limit -socket_options',
  'envoy.config.bootstrap.v3.Bootstrap.StaticResources': 'listeners clusters secrets',
  'envoy.config.bootstrap.v3.Bootstrap.DynamicResources': 'lds_config cds_config ads_config',
  'envoy.config.bootstrap.v3.ClusterManager': 'local_cluster_name outlier_detection -enable_deferred_cluster_creation',
  'envoy.config.bootstrap.v3.ClusterManager.OutlierDetection': 'event_log_path',
  'envoy.config.bootstrap.v3.LayeredRuntime': 'layers',
  'envoy.config.bootstrap.v3.RuntimeLayer': 'name static_layer -disk_layer -admin_layer rtds_layer',
  'envoy.config.bootstrap.v3.RuntimeLayer.RtdsLayer': 'name rtds_config',
  'envoy.service.runtime.v3.Runtime': 'name layer',
  'envoy.config.metrics.v3.StatsSink': 'name typed_config',
  'envoy.config.metrics.v3.MetricsServiceConfig':
    'grpc_service -transport_api_version report_counters_as_deltas emit_tags_as_labels histogram_emit_mode batch_size',
  'envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig':
    'grpc_service http_service resource_detectors report_counters_as_deltas report_histograms_as_deltas emit_tags_as_attributes use_tag_extracted_name prefix max_data_points_per_request',
  'envoy.config.metrics.v3.StatsConfig': '-stats_tags -use_all_default_tags -stats_matcher -histogram_bucket_settings',
  'envoy.config.core.v3.ApiConfigSource':
    'api_type grpc_services -transport_api_version -set_node_on_first_message_only -request_timeout -refresh_delay -rate_limit_settings',
  'envoy.config.core.v3.GrpcService': 'envoy_grpc initial_metadata timeout',
  'envoy.config.core.v3.GrpcService.EnvoyGrpc': 'cluster_name authority -max_receive_message_length -skip_envoy_headers',
  'envoy.config.overload.v3.OverloadManager': 'refresh_interval resource_monitors actions',
  'envoy.config.overload.v3.ResourceMonitor': 'name typed_config',
  'envoy.config.overload.v3.OverloadAction': 'name triggers typed_config',
  'envoy.config.overload.v3.Trigger': 'name threshold scaled',
  'envoy.config.overload.v3.ThresholdTrigger': 'value',
  'envoy.config.overload.v3.ScaledTrigger': 'scaling_threshold saturation_threshold',
  'envoy.config.overload.v3.ScaleTimersOverloadActionConfig': 'timer_scale_factors',
  'envoy.config.overload.v3.ScaleTimersOverloadActionConfig.ScaleTimer': 'timer min_timeout min_scale',
  'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig': 'max_heap_size_bytes',
  'envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig': 'filename',
  'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig': 'max_active_downstream_connections',
  'envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig': 'mode',
  'envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig': 'max_memory_bytes',
  'envoy.config.core.v3.Node':
    'id cluster metadata locality user_agent_name user_agent_version -user_agent_build_version -client_features -dynamic_parameters -extensions -listening_addresses',
  'envoy.config.core.v3.BuildVersion': '-version -metadata',
  'envoy.type.v3.SemanticVersion': '-major_number -minor_number -patch',

  // listeners
  'envoy.config.listener.v3.Listener':
    'name address internal_listener additional_addresses filter_chains default_filter_chain use_original_dst metadata listener_filters listener_filters_timeout continue_on_listener_filters_timeout traffic_direction access_log bind_to_port deprecated_v1 tcp_backlog_size per_connection_buffer_limit_bytes stat_prefix drain_type -enable_reuse_port -reuse_port -connection_balance_config -freebind ignore_global_conn_limit bypass_overload_manager -max_connections_to_accept_per_socket_event',
  'envoy.config.listener.v3.Listener.DeprecatedV1': 'bind_to_port',
  'envoy.config.listener.v3.Listener.InternalListenerConfig': '',
  'envoy.config.listener.v3.Listener.ConnectionBalanceConfig': '-exact_balance',
  'envoy.config.listener.v3.AdditionalAddress': 'address',
  'envoy.config.listener.v3.FilterChain': 'filter_chain_match filters metadata transport_socket transport_socket_connect_timeout name',
  'envoy.config.listener.v3.FilterChainMatch':
    'destination_port prefix_ranges direct_source_prefix_ranges source_type source_prefix_ranges source_ports server_names transport_protocol application_protocols',
  'envoy.config.listener.v3.Filter': 'name typed_config',
  'envoy.config.listener.v3.ListenerFilter': 'name typed_config filter_disabled',
  'envoy.config.listener.v3.ListenerFilterChainMatchPredicate': 'or_match and_match not_match any_match destination_port_range',
  'envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet': 'rules',
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': '',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol':
    'rules allow_requests_without_proxy_protocol disallowed_versions stat_prefix pass_through_tlvs',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.Rule': 'tlv_type on_tlv_present',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair': 'metadata_namespace key',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector':
    'enable_ja3_fingerprinting enable_ja4_fingerprinting -initial_read_buffer_size',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': '',
  'envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit': 'stat_prefix token_bucket runtime_enabled',

  // network filters
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager':
    'codec_type stat_prefix rds route_config scoped_routes http_filters tracing common_http_protocol_options http_protocol_options server_name server_header_transformation scheme_header_transformation max_request_headers_kb stream_idle_timeout request_timeout request_headers_timeout drain_timeout delayed_close_timeout access_log use_remote_address xff_num_trusted_hops skip_xff_append via generate_request_id preserve_external_request_id always_set_request_id_in_response forward_client_cert_details set_current_client_cert_details upgrade_configs normalize_path merge_slashes path_with_escaped_slashes_action strip_matching_host_port strip_any_host_port strip_trailing_host_dot internal_address_config append_x_forwarded_port http2_protocol_options -http3_protocol_options add_user_agent proxy_100_continue stream_error_on_invalid_http_message request_id_extension -append_local_overload http1_safe_max_connection_duration stream_flush_timeout local_reply_config',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig': 'unix_sockets cidr_ranges',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails':
    'subject cert chain dns uri',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing':
    'client_sampling random_sampling overall_sampling verbose max_path_tag_length custom_tags spawn_upstream_span provider operation upstream_operation no_context_propagation',
  'envoy.config.trace.v3.Tracing.Http': 'name typed_config',
  'envoy.config.trace.v3.OpenTelemetryConfig':
    'grpc_service http_service service_name resource_detectors sampler max_cache_size set_telemetry_sdk_resource_attributes set_service_name_resource_attribute set_instrumentation_scope',
  'envoy.config.trace.v3.ZipkinConfig':
    'collector_cluster collector_endpoint trace_id_128bit shared_span_context collector_endpoint_version collector_hostname split_spans_for_request trace_context_option collector_service',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig': '',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig': 'attributes',
  'envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig': '',
  'envoy.type.tracing.v3.CustomTag': 'tag literal environment request_header metadata value',
  'envoy.type.tracing.v3.CustomTag.Literal': 'value',
  'envoy.type.tracing.v3.CustomTag.Environment': 'name default_value',
  'envoy.type.tracing.v3.CustomTag.Header': 'name default_value',
  'envoy.type.tracing.v3.CustomTag.Metadata': 'kind metadata_key default_value',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig': 'upgrade_type enabled',
  'envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig': 'mappers body_format',
  'envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper':
    'filter status_code body body_format_override headers_to_add',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter': 'name typed_config is_optional disabled',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes':
    'name scope_key_builder rds_config_source scoped_route_configurations_list scoped_rds',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder': 'fragments',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder': 'header_value_extractor',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor':
    'name element_separator index element',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor.KvElement':
    'separator key',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRouteConfigurationsList': 'scoped_route_configurations',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRds': 'scoped_rds_config_source',
  'envoy.extensions.filters.network.http_connection_manager.v3.Rds': 'config_source route_config_name',
  'envoy.config.core.v3.SchemeHeaderTransformation': 'scheme_to_overwrite match_upstream',
  'envoy.config.core.v3.HttpProtocolOptions':
    'idle_timeout max_connection_duration max_headers_count max_stream_duration headers_with_underscores_action max_requests_per_connection',
  'envoy.config.core.v3.Http1ProtocolOptions':
    'allow_absolute_url accept_http_10 default_host_for_http_10 enable_trailers allow_custom_methods override_stream_error_on_invalid_http_message header_key_format allow_chunked_length ignore_http_11_upgrade -use_balsa_parser',
  'envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat': 'proper_case_words stateful_formatter',
  'envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords': '',
  'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig': '-formatter_type_on_envoy_headers',
  'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig': 'pack_trace_reason use_request_id_for_trace_sampling',
  'envoy.config.core.v3.Http2ProtocolOptions':
    'hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect max_outbound_frames max_outbound_control_frames max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging override_stream_error_on_invalid_http_message connection_keepalive -use_oghttp2_codec -max_metadata_size -enable_huffman_encoding',
  'envoy.config.core.v3.KeepaliveSettings': 'interval timeout interval_jitter connection_idle_interval',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy':
    'stat_prefix cluster weighted_clusters on_demand idle_timeout access_log max_connect_attempts hash_policy max_downstream_connection_duration max_downstream_connection_duration_jitter_percentage metadata_match backoff_options access_log_options access_log_flush_interval flush_access_log_on_connected proxy_protocol_tlvs proxy_protocol_tlv_merge_policy upstream_connect_mode max_early_data_bytes check_drain_close tunneling_config',
  'envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension': 'typed_config',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig':
    'hostname use_post headers_to_add propagate_response_headers post_path propagate_response_trailers request_id_extension request_id_header request_id_metadata_key formatters',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.OnDemand': 'timeout -odcds_config',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster': 'clusters',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight': 'name weight metadata_match',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions':
    'access_log_flush_interval flush_access_log_on_connected flush_access_log_on_start',
  'envoy.config.core.v3.TlvEntry': 'type value format_string',
  'envoy.config.core.v3.ProxyProtocolConfig': 'version pass_through_tlvs added_tlvs',
  'envoy.config.core.v3.ProxyProtocolPassThroughTLVs': 'match_type tlv_type',
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': 'config transport_socket -tlv_as_pool_key',
  'envoy.type.v3.HashPolicy': 'source_ip filter_state',
  'envoy.type.v3.HashPolicy.FilterState': 'key',
  'envoy.type.v3.HashPolicy.SourceIp': '',
  'envoy.extensions.filters.network.rbac.v3.RBAC': 'rules shadow_rules shadow_rules_stat_prefix stat_prefix enforcement_type delay_deny',
  'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz':
    'stat_prefix grpc_service failure_mode_allow include_peer_certificate transport_api_version filter_enabled_metadata bootstrap_metadata_labels_key include_tls_session',
  'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit': 'stat_prefix max_connections delay runtime_enabled',
  'envoy.extensions.filters.network.direct_response.v3.Config': 'response',
  'envoy.extensions.filters.network.echo.v3.Echo': '',
  'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit': 'stat_prefix token_bucket runtime_enabled share_key',
  'envoy.extensions.filters.network.set_filter_state.v3.Config': 'on_new_connection on_downstream_tls_handshake',
  'envoy.extensions.filters.network.sni_cluster.v3.SniCluster': '',

  // HTTP filters
  'envoy.extensions.filters.http.router.v3.Router':
    'suppress_envoy_headers strict_check_headers respect_expected_rq_timeout -dynamic_stats -start_child_span',
  'envoy.extensions.filters.http.rbac.v3.RBAC': 'rules rules_stat_prefix shadow_rules shadow_rules_stat_prefix track_per_rule_stats',
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': 'rbac',
  'envoy.config.rbac.v3.RBAC': 'action policies',
  'envoy.config.rbac.v3.Policy': 'permissions principals condition',
  'google.api.expr.v1alpha1.Expr': 'const_expr ident_expr select_expr call_expr list_expr struct_expr comprehension_expr -id',
  'google.api.expr.v1alpha1.Expr.Ident': 'name',
  'google.api.expr.v1alpha1.Expr.Select': 'operand field test_only',
  'google.api.expr.v1alpha1.Expr.Call': 'target function args',
  'google.api.expr.v1alpha1.Expr.CreateList': 'elements',
  'google.api.expr.v1alpha1.Expr.CreateStruct': 'message_name entries',
  'google.api.expr.v1alpha1.Expr.CreateStruct.Entry': 'map_key value -id',
  'google.api.expr.v1alpha1.Constant': 'null_value bool_value int64_value uint64_value double_value string_value bytes_value',
  'envoy.config.rbac.v3.Permission':
    'and_rules or_rules any header url_path destination_ip destination_port destination_port_range metadata not_rule requested_server_name uri_template sourced_metadata',
  'envoy.config.rbac.v3.SourcedMetadata': 'metadata_matcher metadata_source',
  'envoy.config.rbac.v3.Permission.Set': 'rules',
  'envoy.config.rbac.v3.Principal':
    'and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path metadata filter_state not_id sourced_metadata',
  'envoy.config.rbac.v3.Principal.Set': 'ids',
  'envoy.config.rbac.v3.Principal.Authenticated': 'principal_name',
  'envoy.type.matcher.v3.FilterStateMatcher': 'key string_match',
  'envoy.type.matcher.v3.MetadataMatcher': 'filter path value invert',
  'envoy.type.matcher.v3.MetadataMatcher.PathSegment': 'key',
  'envoy.type.matcher.v3.ValueMatcher': 'null_match double_match string_match bool_match present_match list_match or_match',
  'envoy.type.matcher.v3.ValueMatcher.NullMatch': '',
  'envoy.type.matcher.v3.DoubleMatcher': 'range exact',
  'envoy.type.v3.DoubleRange': 'start end',
  'envoy.type.matcher.v3.ListMatcher': 'one_of',
  'envoy.type.matcher.v3.OrMatcher': 'value_matchers',
  'envoy.extensions.filters.http.fault.v3.HTTPFault':
    'delay abort upstream_cluster headers downstream_nodes max_active_faults response_rate_limit disable_downstream_cluster_stats filter_metadata delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime max_active_faults_runtime response_rate_limit_percent_runtime abort_grpc_status_runtime',
  'envoy.extensions.filters.http.fault.v3.FaultAbort': 'http_status grpc_status header_abort percentage response_body',
  'envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort': '',
  'envoy.extensions.filters.common.fault.v3.FaultDelay': 'fixed_delay header_delay percentage',
  'envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay': '',
  'envoy.extensions.filters.common.fault.v3.FaultRateLimit': 'fixed_limit header_limit percentage',
  'envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit': 'limit_kbps',
  'envoy.extensions.filters.common.fault.v3.FaultRateLimit.HeaderLimit': '',
  'envoy.extensions.filters.http.csrf.v3.CsrfPolicy': 'filter_enabled shadow_enabled additional_origins',
  'envoy.extensions.filters.http.buffer.v3.Buffer': 'max_request_bytes',
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute': 'disabled buffer',
  'envoy.extensions.filters.http.health_check.v3.HealthCheck': 'pass_through_mode cache_time cluster_min_healthy_percentages headers',
  'envoy.extensions.filters.http.set_filter_state.v3.Config': 'on_request_headers clear_route_cache',
  'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue':
    'object_key factory_key format_string skip_if_empty -read_only shared_with_upstream',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig':
    'emit_filter_state individual_method_stats_allowlist stats_for_all_methods enable_upstream_stats replace_dots_in_grpc_service_name',
  'envoy.config.core.v3.GrpcMethodList': 'services',
  'envoy.config.core.v3.GrpcMethodList.Service': 'name method_names',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation': 'mutations most_specific_header_mutations_wins',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute': 'mutations',
  'envoy.extensions.filters.http.header_mutation.v3.Mutations':
    'request_mutations response_mutations query_parameter_mutations request_trailers_mutations response_trailers_mutations',
  'envoy.config.common.mutation_rules.v3.HeaderMutation': 'remove append remove_on_match',
  'envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch': 'key_matcher',
  'envoy.config.core.v3.KeyValueMutation': 'append remove',
  'envoy.config.core.v3.KeyValueAppend': 'record action',
  'envoy.config.core.v3.KeyValuePair': 'key value',
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit':
    'stat_prefix status token_bucket filter_enabled filter_enforced request_headers_to_add_when_not_enforced response_headers_to_add descriptors stage local_rate_limit_per_downstream_connection enable_x_ratelimit_headers vh_rate_limits always_consume_default_token_bucket rate_limited_as_resource_exhausted rate_limits max_dynamic_descriptors enable_retry_after_header',
  'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor': 'entries token_bucket shadow_mode',
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry': 'key value',
  'envoy.type.v3.TokenBucket': 'max_tokens tokens_per_fill fill_interval',
  'envoy.type.v3.HttpStatus': 'code',
  'envoy.config.route.v3.RateLimit': 'stage disable_key actions',
  'envoy.config.route.v3.RateLimit.Action':
    'source_cluster destination_cluster request_headers query_parameters remote_address generic_key header_value_match metadata masked_remote_address query_parameter_value_match remote_address_match',
  'envoy.config.route.v3.RateLimit.Action.SourceCluster': '',
  'envoy.config.route.v3.RateLimit.Action.DestinationCluster': '',
  'envoy.config.route.v3.RateLimit.Action.RequestHeaders': 'header_name descriptor_key skip_if_absent',
  'envoy.config.route.v3.RateLimit.Action.QueryParameters': 'query_parameter_name descriptor_key skip_if_absent',
  'envoy.config.route.v3.RateLimit.Action.RemoteAddress': '',
  'envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress': 'v4_prefix_mask_len v6_prefix_mask_len',
  'envoy.config.route.v3.RateLimit.Action.GenericKey': 'descriptor_value descriptor_key',
  'envoy.config.route.v3.RateLimit.Action.HeaderValueMatch': 'descriptor_value descriptor_key expect_match headers',
  'envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch': 'descriptor_value descriptor_key expect_match query_parameters',
  'envoy.config.route.v3.RateLimit.Action.MetaData': 'descriptor_key metadata_key default_value source skip_if_absent',
  'envoy.config.route.v3.RateLimit.Action.RemoteAddressMatch': 'descriptor_value descriptor_key address_matcher',
  'envoy.config.route.v3.RateLimit.Action.AddressMatcher': 'ranges invert_match',
  'envoy.type.metadata.v3.MetadataKey': 'key path',
  'envoy.type.metadata.v3.MetadataKey.PathSegment': 'key',
  'envoy.extensions.filters.http.cors.v3.Cors': '',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy':
    'allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights',
  'envoy.extensions.filters.http.compressor.v3.Compressor':
    'compressor_library request_direction_config response_direction_config choose_first content_length content_type disable_on_etag_header remove_accept_encoding_header runtime_enabled',
  'envoy.extensions.filters.http.compressor.v3.Compressor.CommonDirectionConfig': 'enabled min_content_length content_type',
  'envoy.extensions.filters.http.compressor.v3.Compressor.RequestDirectionConfig': 'common_config',
  'envoy.extensions.filters.http.compressor.v3.Compressor.ResponseDirectionConfig':
    'common_config disable_on_etag_header remove_accept_encoding_header uncompressible_response_codes weaken_etag_on_compress',
  'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute': 'disabled overrides',
  'envoy.extensions.filters.http.compressor.v3.CompressorOverrides': 'response_direction_config',
  'envoy.extensions.filters.http.compressor.v3.ResponseDirectionOverrides': 'remove_accept_encoding_header',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor': 'decompressor_library request_direction_config response_direction_config',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor.CommonDirectionConfig': 'enabled ignore_no_transform_header',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor.RequestDirectionConfig': 'common_config advertise_accept_encoding',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor.ResponseDirectionConfig': 'common_config',
  'envoy.extensions.compression.gzip.compressor.v3.Gzip': 'memory_level compression_level compression_strategy window_bits -chunk_size',
  'envoy.extensions.compression.gzip.decompressor.v3.Gzip': 'window_bits max_inflate_ratio -chunk_size',
  'envoy.extensions.compression.brotli.compressor.v3.Brotli':
    'quality encoder_mode window_bits input_block_bits disable_literal_context_modeling -chunk_size',
  'envoy.extensions.compression.brotli.decompressor.v3.Brotli': '-disable_ring_buffer_reallocation -chunk_size',
  'envoy.extensions.compression.zstd.compressor.v3.Zstd': 'compression_level enable_checksum strategy -chunk_size',
  'envoy.extensions.compression.zstd.decompressor.v3.Zstd': '-chunk_size',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb': '',
  'stats.PluginConfig': 'disable_host_header_fallback tcp_reporting_duration metrics reporter',
  'stats.MetricConfig': 'dimensions name tags_to_remove match drop',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig': 'alpn_override',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig.AlpnOverride': 'upstream_protocol alpn_override',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz':
    'grpc_service http_service transport_api_version failure_mode_allow failure_mode_allow_header_add with_request_body clear_route_cache status_on_error validate_mutations metadata_context_namespaces route_metadata_context_namespaces filter_enabled filter_enabled_metadata deny_at_disable include_peer_certificate stat_prefix bootstrap_metadata_labels_key allowed_headers disallowed_headers include_tls_session charge_cluster_response_stats encode_raw_headers enable_dynamic_metadata_ingestion',
  'envoy.extensions.filters.http.ext_authz.v3.BufferSettings': 'max_request_bytes allow_partial_message pack_as_bytes',
  'envoy.extensions.filters.http.ext_authz.v3.HttpService': 'server_uri path_prefix authorization_request authorization_response',
  'envoy.extensions.filters.http.ext_authz.v3.AuthorizationRequest': 'allowed_headers headers_to_add',
  'envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse':
    'allowed_upstream_headers allowed_upstream_headers_to_append allowed_client_headers allowed_client_headers_on_success dynamic_metadata_from_headers',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute': 'disabled check_settings',
  'envoy.extensions.filters.http.ext_authz.v3.CheckSettings': 'context_extensions disable_request_body_buffering with_request_body',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication':
    'providers rules filter_state_rules bypass_cors_preflight requirement_map strip_failure_response',
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig': 'disabled requirement_name',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider':
    'issuer audiences subjects require_expiration max_lifetime remote_jwks local_jwks forward from_headers from_params from_cookies forward_payload_header pad_forward_payload_header payload_in_metadata normalize_payload_in_metadata header_in_metadata failed_status_in_metadata clock_skew_seconds jwt_cache_config claim_to_headers clear_route_cache',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.NormalizePayload': 'space_delimited_claims',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtCacheConfig': 'jwt_cache_size',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader': 'header_name claim_name',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtHeader': 'name value_prefix',
  'envoy.extensions.filters.http.jwt_authn.v3.RemoteJwks': 'http_uri cache_duration async_fetch retry_policy',
  'envoy.extensions.filters.http.jwt_authn.v3.JwksAsyncFetch': 'failed_refetch_duration -fast_listener',
  'envoy.extensions.filters.http.jwt_authn.v3.RequirementRule': 'match requires requirement_name',
  'envoy.extensions.filters.http.jwt_authn.v3.FilterStateRule': 'name requires',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement':
    'provider_name provider_and_audiences requires_any requires_all allow_missing allow_missing_or_failed',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList': 'requirements',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementAndList': 'requirements',
  'envoy.extensions.filters.http.jwt_authn.v3.ProviderWithAudiences': 'provider_name audiences',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession': 'session_state strict stat_prefix',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute': 'disabled stateful_session',
  'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState': 'cookie',
  'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState': 'name',
  'envoy.type.http.v3.Cookie': 'name ttl path attributes',
  'envoy.type.http.v3.CookieAttribute': 'name value',
  'envoy.extensions.filters.http.on_demand.v3.OnDemand': 'odcds',
  'envoy.extensions.filters.http.on_demand.v3.PerRouteConfig': 'odcds',
  'envoy.extensions.filters.http.on_demand.v3.OnDemandCds': 'source timeout',

  // routes
  'envoy.config.route.v3.RouteConfiguration':
    'name virtual_hosts response_headers_to_add response_headers_to_remove request_headers_to_add request_headers_to_remove most_specific_header_mutations_wins validate_clusters max_direct_response_body_size_bytes request_mirror_policies ignore_port_in_host_matching ignore_path_parameters_in_path_matching typed_per_filter_config metadata vhost_header internal_only_headers vhds',
  'envoy.config.route.v3.Vhds': 'config_source',
  'envoy.config.route.v3.ScopedRouteConfiguration': 'name on_demand route_configuration_name route_configuration key',
  'envoy.config.route.v3.ScopedRouteConfiguration.Key': 'fragments',
  'envoy.config.route.v3.ScopedRouteConfiguration.Key.Fragment': 'string_key',
  'envoy.config.route.v3.VirtualHost':
    'name domains routes require_tls request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config include_request_attempt_count include_attempt_count_in_response retry_policy per_request_buffer_limit_bytes request_mirror_policies metadata request_body_buffer_limit hedge_policy include_is_timeout_retry_header rate_limits virtual_clusters',
  'envoy.config.route.v3.Route':
    'name match route redirect direct_response metadata decorator tracing typed_per_filter_config request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove per_request_buffer_limit_bytes stat_prefix request_body_buffer_limit',
  'envoy.config.route.v3.FilterConfig': 'config is_optional disabled',
  'envoy.config.route.v3.Decorator': 'operation propagate',
  'envoy.config.route.v3.Tracing': 'client_sampling random_sampling overall_sampling custom_tags',
  'envoy.config.route.v3.RouteMatch':
    'prefix path safe_regex path_separated_prefix case_sensitive runtime_fraction headers query_parameters grpc connect_matcher path_match_policy cookies filter_state tls_context dynamic_metadata',
  'envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions': '',
  'envoy.config.route.v3.HeaderMatcher':
    'name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty',
  'envoy.config.route.v3.QueryParameterMatcher': 'name string_match present_match',
  'envoy.config.route.v3.RouteAction':
    'cluster cluster_header weighted_clusters cluster_not_found_response_code prefix_rewrite regex_rewrite host_rewrite_literal host_rewrite_header host_rewrite_path_regex append_x_forwarded_host metadata_match timeout idle_timeout retry_policy request_mirror_policies hash_policy upgrade_configs max_stream_duration flush_timeout path_rewrite_policy auto_host_rewrite priority rate_limits include_vh_rate_limits max_grpc_timeout grpc_timeout_offset internal_redirect_policy internal_redirect_action max_internal_redirects hedge_policy -early_data_policy',
  'envoy.config.route.v3.RouteAction.MaxStreamDuration': 'max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset',
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy':
    'cluster runtime_fraction -trace_sampled cluster_header disable_shadow_host_suffix_append host_rewrite_literal',
  'envoy.config.route.v3.RouteAction.UpgradeConfig': 'upgrade_type enabled connect_config',
  'envoy.config.route.v3.RouteAction.HashPolicy': 'header cookie connection_properties query_parameter terminal filter_state',
  'envoy.config.route.v3.RouteAction.HashPolicy.Header': 'header_name regex_rewrite',
  'envoy.config.route.v3.RouteAction.HashPolicy.Cookie': 'name ttl path attributes',
  'envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties': 'source_ip',
  'envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter': 'name',
  'envoy.config.route.v3.WeightedCluster': 'clusters total_weight runtime_key_prefix header_name',
  'envoy.config.route.v3.WeightedCluster.ClusterWeight':
    'name weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config cluster_header host_rewrite_literal metadata_match',
  'envoy.config.route.v3.RedirectAction':
    'https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite response_code strip_query',
  'envoy.config.route.v3.DirectResponseAction': 'status body body_format',
  'envoy.config.route.v3.RetryPolicy':
    'retry_on num_retries per_try_timeout per_try_idle_timeout retry_host_predicate host_selection_retry_max_attempts retriable_status_codes retriable_headers retriable_request_headers retry_back_off retry_priority rate_limited_retry_back_off refresh_cluster_on_retry',
  'envoy.config.route.v3.RetryPolicy.RetryHostPredicate': 'name typed_config',
  'envoy.config.route.v3.RetryPolicy.RetryBackOff': 'base_interval max_interval',
  'envoy.config.route.v3.RouteMatch.ConnectMatcher': '',
  'envoy.config.route.v3.RouteMatch.TlsContextMatchOptions': 'presented validated',
  'envoy.config.route.v3.CookieMatcher': 'name string_match invert_match',
  'envoy.config.route.v3.VirtualCluster': 'headers name',
  'envoy.config.route.v3.HedgePolicy': 'initial_requests additional_request_chance hedge_on_per_try_timeout',
  'envoy.config.route.v3.InternalRedirectPolicy':
    'max_internal_redirects redirect_response_codes predicates allow_cross_scheme_redirect response_headers_to_copy',
  'envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute': 'name value',
  'envoy.config.route.v3.RouteAction.HashPolicy.FilterState': 'key',
  'envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig': 'proxy_protocol_config allow_post',
  'envoy.config.route.v3.RetryPolicy.RetryPriority': 'name typed_config',
  'envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff': 'reset_headers max_interval',
  'envoy.config.route.v3.RetryPolicy.ResetHeader': 'name format',
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig': 'path_template',
  'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig': 'path_template_rewrite',
  'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig': 'allowed_route_names',
  'envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig': '',
  'envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig': '',
  'envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate': '',
  'envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig': 'metadata_match',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig': 'update_frequency',
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate': '',

  // clusters and endpoints
  'envoy.config.cluster.v3.Cluster':
    'name type eds_cluster_config connect_timeout lb_policy load_assignment max_requests_per_connection circuit_breakers common_http_protocol_options http_protocol_options typed_extension_protocol_options dns_refresh_rate dns_lookup_family outlier_detection upstream_bind_config common_lb_config least_request_lb_config ring_hash_lb_config maglev_lb_config original_dst_lb_config health_checks transport_socket transport_socket_matches metadata upstream_connection_options load_balancing_policy respect_dns_ttl dns_jitter dns_failure_refresh_rate typed_dns_resolver_config dns_resolution_config cluster_type cleanup_interval per_connection_buffer_limit_bytes -alt_stat_name -wait_for_warm_on_init round_robin_lb_config lb_subset_config -track_timeout_budgets -track_cluster_stats ignore_health_on_host_removal close_connections_on_host_health_failure filters http2_protocol_options protocol_selection upstream_http_protocol_options -use_tcp_for_dns_lookups -preconnect_policy',
  'envoy.config.cluster.v3.Filter': 'name typed_config',
  'envoy.config.cluster.v3.Cluster.EdsClusterConfig': 'eds_config service_name',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig':
    'healthy_panic_threshold locality_weighted_lb_config zone_aware_lb_config consistent_hashing_lb_config override_host_status -update_merge_window close_connections_on_host_set_change ignore_new_hosts_until_first_hc',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig': '',
  'envoy.config.core.v3.HealthStatusSet': 'statuses',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig': 'routing_enabled min_cluster_size fail_traffic_on_panic',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig': 'use_hostname_for_hashing hash_balance_factor',
  'envoy.config.cluster.v3.Cluster.LbSubsetConfig':
    'fallback_policy default_subset subset_selectors locality_weight_aware scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy',
  'envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector': 'keys single_host_per_subset fallback_policy fallback_keys_subset',
  'envoy.config.cluster.v3.Cluster.SlowStartConfig': 'slow_start_window aggression min_weight_percent',
  'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig': 'slow_start_config',
  'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig': 'choice_count active_request_bias slow_start_config',
  'envoy.config.cluster.v3.Cluster.RingHashLbConfig': 'minimum_ring_size maximum_ring_size hash_function',
  'envoy.config.cluster.v3.Cluster.MaglevLbConfig': 'table_size',
  'envoy.config.cluster.v3.Cluster.OriginalDstLbConfig': 'use_http_header http_header_name upstream_port_override metadata_key',
  'envoy.extensions.clusters.original_dst.v3.OriginalDstCluster': 'use_http_header http_header_name upstream_port_override metadata_key',
  'envoy.extensions.clusters.aggregate.v3.ClusterConfig': 'clusters',
  'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig': 'dns_cache_config allow_insecure_cluster_options',
  'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig':
    'name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl max_hosts disable_dns_refresh_on_failure dns_failure_refresh_rate dns_cache_circuit_breaker dns_resolution_config typed_dns_resolver_config preresolve_hostnames dns_query_timeout',
  'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheCircuitBreakers': 'max_pending_requests',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig':
    'dns_cache_config save_upstream_address allow_dynamic_host_from_filter_state',
  'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig': 'dns_cache_config port_value',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig': 'host_rewrite_literal host_rewrite_header',
  'envoy.config.cluster.v3.Cluster.RefreshRate': 'base_interval max_interval',
  'envoy.config.cluster.v3.Cluster.CustomClusterType': 'name typed_config',
  'envoy.config.cluster.v3.Cluster.TransportSocketMatch': 'name match transport_socket',
  'envoy.config.cluster.v3.CircuitBreakers': 'thresholds per_host_thresholds',
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds':
    'priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining max_connection_pools',
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget': 'budget_percent min_retry_concurrency budget_interval',
  'envoy.config.cluster.v3.OutlierDetection':
    'consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx consecutive_gateway_failure enforcing_consecutive_gateway_failure split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure max_ejection_time enforcing_success_rate enforcing_failure_percentage enforcing_local_origin_success_rate enforcing_failure_percentage_local_origin max_ejection_time_jitter always_eject_one_host success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor failure_percentage_threshold failure_percentage_minimum_hosts failure_percentage_request_volume successful_active_health_check_uneject_host detect_degraded_hosts',
  'envoy.config.core.v3.HealthCheck':
    'timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold healthy_threshold reuse_connection http_health_check tcp_health_check grpc_health_check no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval event_log_path event_logger always_log_health_check_failures always_log_health_check_success tls_options transport_socket_match_criteria -alt_port',
  'envoy.config.core.v3.HealthCheck.Payload': 'text binary',
  'envoy.config.core.v3.HealthCheck.HttpHealthCheck':
    'host path method send receive response_buffer_size request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses codec_client_type service_name_matcher',
  'envoy.config.core.v3.HealthCheck.TcpHealthCheck': 'send receive proxy_protocol_config',
  'envoy.config.core.v3.HealthCheck.GrpcHealthCheck': 'service_name authority initial_metadata',
  'envoy.config.core.v3.HealthCheck.TlsOptions': 'alpn_protocols',
  'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink': 'event_log_path',
  'envoy.config.cluster.v3.UpstreamConnectionOptions': 'tcp_keepalive happy_eyeballs_config',
  'envoy.config.cluster.v3.UpstreamConnectionOptions.HappyEyeballsConfig': 'first_address_family_version first_address_family_count',
  'envoy.extensions.clusters.dns.v3.DnsCluster':
    'dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter typed_dns_resolver_config dns_lookup_family all_addresses_in_single_endpoint dns_min_refresh_rate',
  'envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate': 'base_interval max_interval',
  'envoy.config.core.v3.DnsResolutionConfig': 'resolvers dns_resolver_options',
  'envoy.config.core.v3.DnsResolverOptions': 'use_tcp_for_dns_lookups no_default_search_domain',
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig':
    'resolvers dns_resolver_options query_timeout_seconds query_tries -udp_max_queries -max_udp_channel_duration -reinit_channel_on_timeout -qcache_max_ttl',
  'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig': '-num_retries -num_resolver_threads',
  'envoy.config.cluster.v3.LoadBalancingPolicy': 'policies',
  'envoy.config.cluster.v3.LoadBalancingPolicy.Policy': 'typed_extension_config',
  'envoy.config.core.v3.BindConfig': 'source_address extra_source_addresses -freebind -socket_options',
  'envoy.config.core.v3.ExtraSourceAddress': 'address -socket_options',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig': 'zone_aware_lb_config locality_weighted_lb_config',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig':
    'routing_enabled min_cluster_size fail_traffic_on_panic force_locality_direct_routing force_local_zone locality_basis',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone': 'min_size',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig': '',
  'envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig': 'slow_start_window aggression min_weight_percent',
  'envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig': 'use_hostname_for_hashing hash_balance_factor',
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': 'slow_start_config locality_lb_config',
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest':
    'choice_count active_request_bias slow_start_config locality_lb_config enable_full_scan selection_method',
  'envoy.extensions.load_balancing_policies.random.v3.Random': 'locality_lb_config',
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash':
    'hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing hash_balance_factor consistent_hashing_lb_config locality_weighted_lb_config',
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': 'table_size consistent_hashing_lb_config locality_weighted_lb_config',
  'envoy.extensions.load_balancing_policies.subset.v3.Subset':
    'fallback_policy default_subset subset_selectors allow_redundant_keys locality_weight_aware scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy subset_lb_policy',
  'envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector':
    'keys single_host_per_subset fallback_policy fallback_keys_subset',
  'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality': 'endpoint_picking_policy',
  'envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided': '',
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost': 'override_host_sources selected_host_key fallback_policy',
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource': 'header metadata',
  'envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma':
    'decay_time default_rtt -aggregation_interval -max_samples_per_host',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions':
    'common_http_protocol_options upstream_http_protocol_options explicit_http_config use_downstream_protocol_config auto_config',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig': 'http_protocol_options http2_protocol_options',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig': 'http_protocol_options http2_protocol_options',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig': 'http_protocol_options http2_protocol_options',
  'envoy.config.core.v3.UpstreamHttpProtocolOptions': 'auto_sni auto_san_validation override_auto_sni_header',
  'envoy.config.endpoint.v3.ClusterLoadAssignment': 'cluster_name endpoints policy',
  'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy': 'overprovisioning_factor endpoint_stale_after drop_overloads',
  'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload': '-category drop_percentage',
  'envoy.config.endpoint.v3.LocalityLbEndpoints': 'locality lb_endpoints load_balancing_weight priority -metadata -proximity',
  'envoy.config.endpoint.v3.LbEndpoint': 'endpoint health_status metadata load_balancing_weight',
  'envoy.config.endpoint.v3.Endpoint': 'address hostname additional_addresses health_check_config',
  'envoy.config.endpoint.v3.Endpoint.AdditionalAddress': 'address',
  'envoy.config.endpoint.v3.Endpoint.HealthCheckConfig': 'port_value hostname address disable_active_health_check',

  'istio.networking.nds.v1.NameTable': 'table',
  'istio.networking.nds.v1.NameTable.NameInfo': 'ips shortname namespace -registry -alt_hosts',

  // TLS
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer': '',
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext':
    'common_tls_context sni auto_host_sni auto_sni_san_validation max_session_keys -enforce_rsa_key_usage',
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext':
    'common_tls_context require_client_certificate require_sni session_ticket_keys session_ticket_keys_sds_secret_config session_timeout disable_stateless_session_resumption -disable_stateful_session_resumption ocsp_staple_policy full_scan_certs_on_sni_mismatch prefer_client_ciphers',
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext':
    'tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config combined_validation_context alpn_protocols',
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext':
    'default_validation_context validation_context_sds_secret_config',
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext':
    'trusted_ca watched_directory match_typed_subject_alt_names match_subject_alt_names verify_certificate_hash verify_certificate_spki crl only_verify_leaf_cert_crl max_verify_depth allow_expired_certificate trust_chain_verification system_root_certs custom_validator_config',
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.SystemRootCerts': '',
  'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher': 'san_type matcher oid',
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig': 'name sds_config',
  'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport': 'passthrough_metadata transport_socket',
  'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport.MetadataValueSource': 'kind name',
  'envoy.type.metadata.v3.MetadataKind': 'request route cluster host',
  'envoy.type.metadata.v3.MetadataKind.Request': '',
  'envoy.type.metadata.v3.MetadataKind.Route': '',
  'envoy.type.metadata.v3.MetadataKind.Cluster': '',
  'envoy.type.metadata.v3.MetadataKind.Host': '',
  'envoy.extensions.bootstrap.internal_listener.v3.InternalListener': '-buffer_size_kb',
  'envoy.extensions.transport_sockets.tls.v3.Secret': 'name tls_certificate validation_context session_ticket_keys',
  'envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys': 'keys',
  'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig': 'trust_domains',
  'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain': 'name trust_bundle',
  'envoy.extensions.transport_sockets.tls.v3.TlsCertificate': 'certificate_chain private_key password pkcs12 ocsp_staple watched_directory',
  'envoy.extensions.transport_sockets.tls.v3.TlsParameters':
    'tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves signature_algorithms compliance_policies',

  // access logs
  'envoy.config.accesslog.v3.AccessLog': 'name filter typed_config',
  'envoy.config.accesslog.v3.AccessLogFilter':
    'status_code_filter duration_filter not_health_check_filter traceable_filter runtime_filter and_filter or_filter header_filter response_flag_filter grpc_status_filter extension_filter metadata_filter log_type_filter',
  'envoy.config.accesslog.v3.GrpcStatusFilter': 'statuses exclude',
  'envoy.config.accesslog.v3.MetadataFilter': 'matcher match_if_key_not_found',
  'envoy.config.accesslog.v3.LogTypeFilter': 'types exclude',
  'envoy.config.accesslog.v3.ExtensionFilter': 'name typed_config',
  'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter': 'expression',
  'envoy.config.accesslog.v3.AndFilter': 'filters',
  'envoy.config.accesslog.v3.OrFilter': 'filters',
  'envoy.config.accesslog.v3.ComparisonFilter': 'op value',
  'envoy.config.accesslog.v3.DurationFilter': 'comparison',
  'envoy.config.accesslog.v3.StatusCodeFilter': 'comparison',
  'envoy.config.accesslog.v3.NotHealthCheckFilter': '',
  'envoy.config.accesslog.v3.TraceableFilter': '',
  'envoy.config.accesslog.v3.RuntimeFilter': 'percent_sampled runtime_key use_independent_randomness',
  'envoy.config.accesslog.v3.HeaderFilter': 'header',
  'envoy.config.accesslog.v3.ResponseFlagFilter': 'flags',
  'envoy.extensions.access_loggers.file.v3.FileAccessLog': 'path format json_format typed_json_format log_format',
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': 'log_format',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': 'log_format',
  'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig':
    'common_config additional_request_headers_to_log additional_response_headers_to_log additional_response_trailers_to_log',
  'envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig': 'common_config',
  'envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig':
    'log_name grpc_service transport_api_version buffer_flush_interval buffer_size_bytes filter_state_objects_to_log custom_tags',
  'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig':
    'common_config http_service grpc_service log_name buffer_flush_interval buffer_size_bytes filter_state_objects_to_log custom_tags disable_builtin_labels resource_attributes body attributes stat_prefix formatters',
  'opentelemetry.proto.common.v1.AnyValue': 'string_value array_value kvlist_value',
  'opentelemetry.proto.common.v1.ArrayValue': 'values',
  'opentelemetry.proto.common.v1.KeyValueList': 'values',
  'opentelemetry.proto.common.v1.KeyValue': 'key value',
  'envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery': '',
};

/** Fields whose types are not generated, by their numbers: a refusal can name them all the same. */
const NAMES_OF_UNKNOWN: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'envoy.config.rbac.v3.Policy': { 4: 'checked_condition', 5: 'cel_config' },
  'envoy.extensions.filters.http.rbac.v3.RBAC': { 4: 'matcher', 5: 'shadow_matcher' },
  'envoy.extensions.filters.network.rbac.v3.RBAC': { 6: 'matcher', 7: 'shadow_matcher' },
  'envoy.config.listener.v3.Listener': { 32: 'filter_chain_matcher', 36: 'fcds_config', 39: 'stats_matcher' },
  'envoy.config.route.v3.RouteConfiguration': { 19: 'route_specifiers' },
  'envoy.config.route.v3.VirtualHost': { 21: 'matcher', 26: 'route_specifiers' },
  'envoy.config.route.v3.Route': { 21: 'route_specifiers' },
  'envoy.config.route.v3.RouteAction': { 44: 'host_rewrite', 45: 'path_rewrite' },
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy': { 7: 'request_headers_mutations' },
  'envoy.config.route.v3.RedirectAction': { 10: 'path_rewrite' },
  'envoy.config.route.v3.WeightedCluster': { 5: 'use_hash_policy' },
};

/** The name of a field that our generated types do not know; undefined where this table does not either. */
export function nameOfUnknown(typeName: string, number: number): string | undefined {
  return NAMES_OF_UNKNOWN[typeName]?.[number];
}

/** Fields of a message type by their names in the .proto files; undefined where the type is not supported at all. */
export function supportedFields(typeName: string): ReadonlySet<string> | undefined {
  const row = ROWS[typeName];
  return row === undefined ? undefined : new Set(row.split(' ').map((name) => name.replace(/^-/, '')));
}

/** Every field that has an effect, as `[message type, field name]`: for tests and reference pages. */
export function effectiveFields(): readonly (readonly [typeName: string, field: string])[] {
  return Object.entries(ROWS).flatMap(([typeName, row]) =>
    row
      .split(' ')
      .filter((name) => name !== '' && !name.startsWith('-'))
      .map((name) => [typeName, name] as const),
  );
}

/** One message of the table. */
export interface FieldRow {
  readonly typeName: string;
  readonly obeyed: readonly string[];
  /** Accepted without effect. */
  readonly accepted: readonly string[];
}

/** The whole table by message name, for the reference page. */
export function fieldTable(): readonly FieldRow[] {
  return Object.entries(ROWS)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([typeName, row]) => {
      const names = row.split(' ').filter((name) => name !== '');
      const accepted = names.filter((name) => name.startsWith('-')).map((name) => name.slice(1));
      return { typeName, obeyed: names.filter((name) => !name.startsWith('-')), accepted };
    });
}

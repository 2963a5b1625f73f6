import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { TypedStructSchema } from '../../xds/gen/udpa/type/v1/typed_struct_pb.ts';
import { MetricConfigSchema, PluginConfigSchema } from '../../xds/gen/stats/config_pb.ts';
import { decodeResource, decodeStruct, decodeStructOr, decodeTyped } from './typed-config.ts';

// as JSON gives them: in the order of the text
const REFUSED = { enableMptcp: true, transparent: false };
const PATH = 'filter_chains[0].filters[1].typed_config';

test('a supported message is decoded', () => {
  const any = anyPack(TcpProxySchema, create(TcpProxySchema, { statPrefix: 'a', clusterSpecifier: { case: 'cluster', value: 'b' } }));
  assert.equal(decodeTyped(any, TcpProxySchema, PATH).statPrefix, 'a');
});

test('what is configured by a struct may come as its message', () => {
  const url = 'type.googleapis.com/stats.PluginConfig';
  const metrics = [create(MetricConfigSchema, { name: 'requests_total', tagsToRemove: ['a'] })];
  const message = create(PluginConfigSchema, { disableHostHeaderFallback: true, tcpReportingDuration: { seconds: 5n }, metrics });
  const want = {
    disable_host_header_fallback: true,
    tcp_reporting_duration: '5s',
    metrics: [{ name: 'requests_total', tags_to_remove: ['a'] }],
  };
  assert.deepEqual(decodeStructOr(anyPack(PluginConfigSchema, message), PluginConfigSchema, url, PATH), want);
  const struct = anyPack(TypedStructSchema, create(TypedStructSchema, { typeUrl: url, value: want }));
  assert.deepEqual(decodeStructOr(struct, PluginConfigSchema, url, PATH), want);
  const other = anyPack(PluginConfigSchema, create(PluginConfigSchema, { debug: true }));
  assert.throws(() => decodeStructOr(other, PluginConfigSchema, url, PATH), /debug: field is not supported by Tulle$/);
});

test('what is wrong is named by its path', () => {
  const unsupported = create(TcpProxySchema, { upstreamIdleTimeout: {} });
  const nested = create(ListenerSchema, { filterChains: [{}, { filterChainMatch: { addressSuffix: 'x' } }] });
  const inOneof = create(RouteConfigurationSchema, {
    virtualHosts: [{ routes: [{ action: { case: 'route', value: { retryPolicyTypedConfig: {} } } }] }],
  });
  const unknown = new Uint8Array([...toBinary(RouterSchema, create(RouterSchema)), 0xf8, 0x7f, 1]);
  const cases: [name: string, run: () => unknown, want: RegExp][] = [
    [
      'a field of the message',
      () => decodeTyped(anyPack(TcpProxySchema, unsupported), TcpProxySchema, PATH),
      /^filter_chains\[0\]\.filters\[1\]\.typed_config\.upstream_idle_timeout: field is not supported by Tulle$/,
    ],
    [
      'a nested field of a list',
      () => decodeResource(toBinary(ListenerSchema, nested), ListenerSchema, ''),
      /^filter_chains\[1\]\.filter_chain_match\.address_suffix: field/,
    ],
    [
      'a field below a oneof',
      () => decodeTyped(anyPack(RouteConfigurationSchema, inOneof), RouteConfigurationSchema, 'p'),
      /^p\.virtual_hosts\[0\]\.routes\[0\]\.route\.retry_policy_typed_config: field/,
    ],
    [
      'the first of two, in the order of their type, though a wrapper of zero',
      () => decodeResource(toBinary(ListenerSchema, create(ListenerSchema, REFUSED)), ListenerSchema, ''),
      /^transparent: field/,
    ],
    ['an unknown field', () => decodeResource(unknown, RouterSchema, 'p'), /^p: field number 2047 of \S+Router is not supported/],
    [
      'a field that is known by its name alone',
      () => decodeResource(Uint8Array.of(0xaa, 1, 0), VirtualHostSchema, 'p'),
      /^p\.matcher: field is not supported by Tulle$/,
    ],
    ['broken bytes', () => decodeResource(new Uint8Array([0xff]), RouterSchema, 'p'), /^p: not a envoy\S+Router/],
    ['a missing Any', () => decodeTyped(undefined, RouterSchema, 'p'), /^p: missing; a envoy/],
    [
      'another type',
      () => decodeTyped(anyPack(RouterSchema, create(RouterSchema)), TcpProxySchema, 'p'),
      /^p: is a \S+Router; a \S+TcpProxy/,
    ],
  ];
  for (const [name, run, message] of cases) assert.throws(run, { name: 'ConfigError', message }, name);
});

test('a TypedStruct gives plain JSON', () => {
  const any = anyPack(TypedStructSchema, create(TypedStructSchema, { typeUrl: 'x/y', value: { a: [1, { b: null }] } }));
  assert.deepEqual(decodeStruct(any, 'x/y', 'p'), { a: [1, { b: null }] });
  assert.throws(() => decodeStruct(any, 'x/z', 'p'), /^ConfigError: p\.type_url: is x\/y; x\/z is needed$/);
});

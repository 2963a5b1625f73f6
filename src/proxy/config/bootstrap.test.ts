import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { loadBootstrap, parseBootstrap } from './bootstrap.ts';
import { readAdsSettings } from './ads-target.ts';
import { readTulleSettings } from './local-node.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tulle-bootstrap-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const GOOD = `
admin:
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
static_resources:
  listeners:
    - name: web
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.tcp_proxy
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                stat_prefix: tcp
                cluster: app
`;

test('YAML and JSON are read', async () => {
  const { bootstrap } = await loadBootstrap(write('good.yaml', GOOD));
  assert.equal(bootstrap.staticResources?.listeners[0]?.name, 'web');
  const { bootstrap: other } = await loadBootstrap(write('good.json', JSON.stringify({ node: { id: 'x' } })));
  assert.equal(other.node?.id, 'x');
});

test('what is wrong is told with its line and field', async () => {
  const cases: [name: string, text: string, want: RegExp][] = [
    ['broken', 'a: [', /broken\.yaml: line \d+: /],
    [
      'unknown',
      GOOD.replace('stat_prefix', 'stat_prefx'),
      /unknown\.yaml:13: static_resources\.listeners\[0\]\.filter_chains\[0\]\.filters\[0\]\.typed_config\.stat_prefx: no such field in \S+TcpProxy$/,
    ],
    [
      'type',
      GOOD.replace('tcp_proxy.v3.TcpProxy', 'thrift_proxy.v3.ThriftProxy'),
      /type\.yaml:12: static_resources\S+typed_config: \S+ThriftProxy is not supported by Tulle$/,
    ],
    ['unsupported', `${GOOD}hds_config: { api_type: GRPC }\n`, /unsupported\.yaml:15: hds_config: field is not supported by Tulle$/],
    ['value', GOOD.replace('port_value: 0 } }\n      filter', 'port_value: x } }\n      filter'), /value\.yaml:7: \S+port_value: /],
  ];
  for (const [name, text, want] of cases) {
    await assert.rejects(loadBootstrap(write(`${name}.yaml`, text)), { name: 'ConfigError', message: want }, name);
  }
  await assert.rejects(loadBootstrap(path.join(folder, 'none.yaml')), /none\.yaml: cannot be read/);
  await assert.rejects(loadBootstrap(write('broken.json', '{')), /broken\.json: /);
});

const ads = (cluster: object, metadata: object[] = []) =>
  parseBootstrap({
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' }, initial_metadata: JSON.parse(JSON.stringify(metadata)) }],
      },
    },
    static_resources: {
      clusters: [
        JSON.parse(
          JSON.stringify({
            name: 'xds',
            load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address: cluster } }] }] },
          }),
        ),
      ],
    },
  });

test('where ADS is, and by which token', () => {
  const pipe = readAdsSettings(ads({ pipe: { path: '/x.sock' } }, [{ key: 'authorization', value: 'Bearer t' }]), undefined);
  assert.deepEqual([pipe?.target, pipe?.isDelta, pipe?.options.token?.()], [{ path: '/x.sock' }, true, 't']);
  const tcp = readAdsSettings(ads({ socket_address: { address: '127.0.0.1', port_value: 9 } }), write('token', 'abc\n'));
  assert.deepEqual([tcp?.target, tcp?.options.token?.()], [{ host: '127.0.0.1', port: 9 }, 'abc']);
  assert.throws(
    () => readAdsSettings(ads({ pipe: { path: '/x' } }, [{ key: 'x', value: 'y' }]), undefined),
    /initial_metadata\[0\]: only an authorization/,
  );
  const nowhere = ads({ pipe: { path: '/x' } });
  nowhere.staticResources?.clusters.splice(0);
  assert.throws(() => readAdsSettings(nowhere, undefined), /cluster_name: there is no static cluster "xds"/);
});

test("what the node's metadata says to Tulle", () => {
  const settings = (tulle: object) =>
    readTulleSettings(parseBootstrap({ node: { metadata: { TULLE: JSON.parse(JSON.stringify(tulle)) } } }).node);
  assert.deepEqual(settings({}), {
    tokenFile: undefined,
    isOnDemand: false,
    dns: undefined,
    metricSeriesMax: undefined,
    pushesSignals: false,
  });
  assert.deepEqual(
    settings({ onDemand: true, identity: { tokenFile: '/t' }, dns: { address: '127.0.0.1', port: 53 }, metricSeriesMax: 500 }),
    {
      tokenFile: '/t',
      isOnDemand: true,
      dns: { addresses: ['127.0.0.1'], port: 53, upstreams: [], searchDomains: [] },
      metricSeriesMax: 500,
      pushesSignals: false,
    },
  );
  assert.throws(() => settings({ metricSeriesMax: 0 }), /TULLE\.metricSeriesMax: is no number above 0/);
  assert.throws(() => settings({ dns: { addresses: ['::1'], port: 'x' } }), /TULLE\.dns\.port: is not a port/);
  assert.throws(() => settings({ identity: {} }), /TULLE\.identity\.tokenFile: is not a text/);
});

/** Whoever asks for virtual hosts one by one gets what whoever has them all has: for hosts of every golden mesh. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { DomainTable, withoutPort } from '../../core/domain-table.ts';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
import { compile, type ProxyNode } from '../compile.ts';
import { sidecarOf } from '../testing/mesh.ts';
import { parseGolden } from '../testing/golden.ts';

const STRANGERS = ['github.com', 'github.com:443', '10.9.8.7', '[2001:db8::1]', 'reviews.nowhere', 'localhost:80', 'x'];

/** What a domain is written as, in capitals too, with a port, and what its wildcard stands for. */
function hostsOf(domain: string): string[] {
  const host = domain.replaceAll('*', 'a.b').replace(/^a\.b$/, 'anything');
  return [host, host.toUpperCase(), ...(/:\d+$/.test(host) ? [withoutPort(host)] : [`${host}:80`, `${host}:8080`])];
}

function lookup(config: RouteConfiguration): (host: string) => VirtualHost | undefined {
  const table = new DomainTable<VirtualHost>();
  for (const host of config.virtualHosts) for (const domain of host.domains) table.set(domain, host);
  return (host) => table.find(config.ignorePortInHostMatching ? withoutPort(host.toLowerCase()) : host.toLowerCase());
}

const text = (host: VirtualHost | undefined): string =>
  host === undefined ? 'none' : JSON.stringify(toJson(VirtualHostSchema, host, { registry: typeRegistry }));

/** How a proxy with an HTTP proxy of its own would be told of the same mesh. */
const explicitly = (proxy: ProxyNode): ProxyNode => ({
  ...sidecarOf({ namespace: proxy.namespace, addresses: proxy.addresses, ports: [] }),
  labels: proxy.labels,
  interception: 'NONE',
  explicit: { httpProxyPort: 15_081, upstreams: [] },
});

const folder = path.join(import.meta.dirname, '../testdata');
let compared = 0;

for (const name of globSync('*.yaml', { cwd: folder }).toSorted()) {
  test(`${name}: the same for every host`, () => {
    const { mesh, proxy } = parseGolden(name, readFileSync(path.join(folder, name), 'utf8'));
    if (proxy.role === 'router') return;
    for (const node of [proxy, explicitly(proxy)]) {
      const whole = compile(mesh, { ...node, hasHostsOnDemand: false });
      const open = compile(mesh, { ...node, hasHostsOnDemand: true });
      assert.deepEqual([...open.routes.keys()], [...whole.routes.keys()]);
      assert.equal(whole.virtualHosts.size, 0);
      for (const [table, { bytes }] of whole.routes) {
        const config = fromBinary(RouteConfigurationSchema, bytes);
        const left = fromBinary(RouteConfigurationSchema, open.routes.get(table)?.bytes ?? new Uint8Array());
        const [find, findLeft] = [lookup(config), lookup(left)];
        for (const host of [...config.virtualHosts.flatMap(({ domains }) => domains.flatMap(hostsOf)), ...STRANGERS]) {
          const asked = open.virtualHosts.get(`${table}/${host}`);
          const got = asked === undefined ? findLeft(host.toLowerCase()) : fromBinary(VirtualHostSchema, asked.bytes);
          assert.equal(text(got), text(find(host)), `${table} ${host}`);
          if (asked !== undefined) compared++;
        }
      }
    }
  });
}

test('hosts were compared', () => assert.ok(compared > 500, String(compared)));

/** Every golden case of the compiler, as a static bootstrap, is accepted by a real Envoy. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { text } from 'node:stream/consumers';
import type { JsonValue } from '@bufbuild/protobuf';
import { compile } from '../../src/compile/compile.ts';
import { parseGolden } from '../../src/compile/testing/golden.ts';
import { render } from '../../src/compile/testing/render.ts';
import { envoyMissing, findEnvoy } from './envoy-binary.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** A bootstrap with everything in place that xDS would bring. */
function bootstrap(resources: ReturnType<typeof render>): object {
  return {
    node: { id: 'sidecar~127.0.0.1~validate.test~test.svc.cluster.local', cluster: 'test' },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] },
    },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener' },
      },
    ],
    static_resources: {
      listeners: resources['listeners'],
      clusters: [
        ...(resources['clusters'] ?? []),
        ...(resources['endpoints'] ?? []).map((assignment, i) => ({ name: `endpoints-${i}`, type: 'STATIC', load_assignment: assignment })),
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
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 1 } } } }] }],
          },
        },
      ],
      secrets: resources['secrets'],
    },
  };
}

/**
 * Puts a route configuration where a listener asks for it, so that Envoy checks it too, and leaves out the metrics
 * filter that only Istio's Envoy and our proxy have.
 */
function inlineRoutes(value: unknown, routes: ReadonlyMap<string, unknown>): unknown {
  if (Array.isArray(value)) return value.filter((item) => nameOf(item) !== 'istio.stats').map((item) => inlineRoutes(item, routes));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    if (key !== 'rds' || typeof item !== 'object' || item === null || !('route_config_name' in item))
      return [key, inlineRoutes(item, routes)];
    const route = routes.get(String(item.route_config_name));
    assert.ok(route !== undefined, `a listener asks for the routes ${String(item.route_config_name)}, which do not exist`);
    return ['route_config', route];
  });
  return Object.fromEntries(entries);
}

function withRoutes(resources: ReturnType<typeof render>): ReturnType<typeof render> {
  const routes = new Map((resources['routes'] ?? []).map((route) => [nameOf(route), route]));
  const listeners: typeof resources = JSON.parse(JSON.stringify(inlineRoutes({ listeners: resources['listeners'] ?? [] }, routes)));
  return { ...resources, ...listeners };
}

/**
 * Clusters for our own proxy let ALPN choose the version where only some endpoints have TLS: HTTP/1.1 is for the others.
 * Envoy wants ALPN of all transport sockets, and checks the rest with the version fixed.
 */
function withFixedVersions(resources: ReturnType<typeof render>): ReturnType<typeof render> {
  return JSON.parse(JSON.stringify(resources), (_key, value: unknown) => {
    const isOptions = typeof value === 'object' && value !== null && 'auto_config' in value;
    return isOptions ? { ...value, auto_config: undefined, explicit_http_config: { http_protocol_options: {} } } : value;
  });
}

/**
 * Clusters that wait for nothing but secrets crash Envoy where it only validates, and there is no stream to ask on (as of
 * 1.40): the rest of them is checked.
 */
function withoutSecrets(resources: ReturnType<typeof render>): ReturnType<typeof render> {
  const clusters = (resources['clusters'] ?? []).map((cluster) => {
    const text = JSON.stringify(cluster);
    const checked: JsonValue = JSON.parse(text, (key, value: unknown) => {
      const isAsked = key === 'tls_certificate_sds_secret_configs' || key === 'combined_validation_context';
      return isAsked && text.includes('"type":"ORIGINAL_DST"') ? undefined : value;
    });
    return checked;
  });
  return { ...resources, clusters };
}

function nameOf(resource: unknown): string {
  return typeof resource === 'object' && resource !== null && 'name' in resource ? String(resource.name) : '';
}

describe('envoy --mode validate', { skip: envoyMissing, concurrency: 2 }, () => {
  let folder = '';
  before(async () => (folder = await mkdtemp(path.join(tmpdir(), 'tulle-validate-'))));
  after(() => rm(folder, { recursive: true }));

  for (const file of globSync('src/compile/testdata/*.yaml', { cwd: root }).toSorted()) {
    test(`accepts ${path.basename(file)}`, async () => {
      const { mesh, proxy } = parseGolden(file, readFileSync(path.join(root, file), 'utf8'));
      const config = path.join(folder, `${path.basename(file)}.json`);
      await writeFile(config, JSON.stringify(bootstrap(withoutSecrets(withFixedVersions(withRoutes(render(compile(mesh, proxy))))))));
      const envoy = spawn(findEnvoy() ?? '', ['--mode', 'validate', '-c', config, '-l', 'error'], { stdio: ['ignore', 'ignore', 'pipe'] });
      const [output, [code]] = await Promise.all([text(envoy.stderr), once(envoy, 'exit')]);
      assert.equal(code, 0, output);
    });
  }
});

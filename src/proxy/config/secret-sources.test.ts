/** Secrets from a real server of SDS on a Unix socket, as Istio's agent is one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { create, fromJson } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { serveGrpc } from '../../net/grpc-server.ts';
import { createAuthority } from '../../net/testing/authority.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ConfigSourceSchema } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SecretDiscoveryService } from '../../xds/gen/envoy/service/secret/v3/sds_pb.ts';
import { SECRET_TYPE } from '../../xds/types.ts';
import { createStats } from '../telemetry/registry.ts';
import { createSecretSources } from './secret-sources.ts';
import { Secrets } from './secrets.ts';

const pair = createAuthority('root').issue({ names: 'DNS:a.test' });

/** A server that knows one name, and ends the stream of whoever asks for another; the names that it was asked for. */
async function serve(t: TestContext, at: string): Promise<{ asked: string[]; ends: () => number }> {
  const asked: string[] = [];
  let ends = 0;
  const secret = fromJson(SecretSchema, {
    name: 'own',
    tlsCertificate: { certificateChain: { inlineString: pair.certificateChain }, privateKey: { inlineString: pair.privateKey } },
  });
  const server = await serveGrpc(
    { path: at },
    (router) =>
      router.service(SecretDiscoveryService, {
        async *streamSecrets(requests) {
          try {
            for await (const { resourceNames, responseNonce } of requests) {
              if (responseNonce !== '') continue;
              asked.push(...resourceNames);
              if (!resourceNames.includes('own')) throw new Error('unknown');
              yield { versionInfo: '1', nonce: 'n', typeUrl: SECRET_TYPE, resources: [anyPack(SecretSchema, secret)] };
            }
          } finally {
            ends++;
          }
        },
      }),
    silentLog,
  );
  t.after(() => server.close());
  return { asked, ends: () => ends };
}

const sourceOf = (cluster: string) =>
  fromJson(ConfigSourceSchema, {
    apiConfigSource: { apiType: 'GRPC', transportApiVersion: 'V3', grpcServices: [{ envoyGrpc: { clusterName: cluster } }] },
  });

function secretsTo(folder: string, ownNames: readonly string[] = []): Secrets {
  const bootstrap = fromJson(BootstrapSchema, {
    staticResources: {
      clusters: [
        {
          name: 'sds-grpc',
          loadAssignment: {
            clusterName: 'sds-grpc',
            endpoints: [{ lbEndpoints: [{ endpoint: { address: { pipe: { path: path.join(folder, 'sds.sock') } } } }] }],
          },
        },
      ],
    },
  });
  const readSource = createSecretSources({
    bootstrap,
    node: create(NodeSchema, { id: 'n' }),
    random: () => 0.5,
    log: silentLog,
    stats: createStats(),
    receive: (resources) => secrets.receive(resources),
  });
  const subscriptions = {
    subscribe: () => assert.fail('nothing is asked of ADS'),
    unsubscribe: () => assert.fail('nothing is asked of ADS'),
  };
  const secrets: Secrets = new Secrets({ subscriptions, ownNames: new Set(ownNames), watchFile() {}, readSource });
  return secrets;
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-sds-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a server of SDS is asked for each name by itself, until nobody uses it', async (t) => {
  const folder = folderOf(t);
  const { asked, ends } = await serve(t, path.join(folder, 'sds.sock'));
  const secrets = secretsTo(folder);
  const [own, other] = ['own', 'other'].map((name) => secrets.keyPair(name, sourceOf('sds-grpc')));
  assert(own !== undefined && other !== undefined);
  const arrived = Promise.withResolvers<void>();
  const stops = [own.watch(() => arrived.resolve()), other.watch(() => {})];
  t.after(() => stops.splice(0).forEach((stop) => stop()));
  await arrived.promise;
  await until(() => asked.includes('other'));
  assert.equal(own.current()?.privateKey, pair.privateKey);
  assert.equal(other.current(), undefined);
  assert.deepEqual([...new Set(asked)].toSorted(), ['other', 'own']);
  const before = ends();
  for (const stop of stops.splice(0)) stop();
  await until(() => ends() > before);
});

test('what the proxy answers itself is asked of nobody', (t) => {
  const secrets = secretsTo(folderOf(t), ['default']);
  assert.equal(secrets.keyPair('default', sourceOf('sds-grpc-elsewhere')).current(), undefined);
});

test('a server that the bootstrap does not know is refused, but for names that are files', (t) => {
  const folder = folderOf(t);
  const secrets = secretsTo(folder);
  assert.throws(
    () => secrets.keyPair('other', sourceOf('nowhere')),
    new ConfigError('sds_config.api_config_source.grpc_services[0].envoy_grpc.cluster_name', 'there is no static cluster "nowhere"'),
  );
  const [chain, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  writeFileSync(chain, pair.certificateChain);
  writeFileSync(key, pair.privateKey);
  const own = secrets.keyPair(`file-cert:${chain}~${key}`, sourceOf('nowhere'));
  assert.equal(own.current()?.privateKey, pair.privateKey);
  const roots = secrets.trust(`file-root:${chain}`, sourceOf('nowhere'));
  assert.equal(roots.current()?.roots, pair.certificateChain);
  own.watch(() => {})();
  roots.watch(() => {})();
  assert.throws(() => secrets.trust('file-root:', sourceOf('nowhere')), ConfigError);
});

/** Databases through the proxy, untouched: plain, through a mutual TLS pair, and where the proxy looks for TLS first. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { before, describe, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../src/core/testing/eventually.ts';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { mariadb, output, psql, serversMissing, startMariadb, startPostgres, startRedis } from './real-servers.ts';
import { cluster, startStaticProxy, type StaticProxy, tcpListener, tlsSocket, typed, wholeFile } from './static-proxy.ts';

const NAMES = ['postgres', 'redis', 'mariadb'] as const;
type Name = (typeof NAMES)[number];
type Ports = Readonly<Record<Name, number>>;

const INSPECTOR: JsonObject = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
};
/** As Istio says of PERMISSIVE: whoever has said nothing by then speaks no TLS. */
const PATIENCE: JsonObject = {
  listener_filters: [INSPECTOR],
  listener_filters_timeout: '0.1s',
  continue_on_listener_filters_timeout: true,
};
const ROWS = 100_000;

async function portsOf(proxy: StaticProxy): Promise<Ports> {
  const [postgres, redis, maria] = await Promise.all(NAMES.map((name) => proxy.port(name)));
  return { postgres: postgres ?? 0, redis: redis ?? 0, mariadb: maria ?? 0 };
}

describe('databases through the proxy', { skip: serversMissing, concurrency: false }, () => {
  const t = wholeFile();
  const ways: Record<string, Ports> = {};
  const proxies: StaticProxy[] = [];

  before(async () => {
    const ca = createTestCa('databases');
    const pair = ca.issue('DNS:database.test');
    const secret = { certificate_chain: { inline_string: pair.certificateChain }, private_key: { inline_string: pair.privateKey } };
    const common = { tls_certificates: [secret], validation_context: { trusted_ca: { inline_string: ca.root } } };
    const [postgres, redis, maria] = await Promise.all([startPostgres(t), startRedis(t), startMariadb(t)]);
    const servers: Ports = { postgres, redis, mariadb: maria };
    const start = async (listener: (name: Name) => JsonObject, ports: Ports, more: JsonObject = {}): Promise<Ports> => {
      const clusters = NAMES.map((name) => cluster(name, ports[name], more));
      const proxy = await startStaticProxy(t, () => ({ listeners: NAMES.map(listener), clusters }));
      proxies.push(proxy);
      return portsOf(proxy);
    };
    ways['a proxy'] = await start((name) => tcpListener(name, name), servers);
    ways['a proxy that looks for TLS first'] = await start((name) => tcpListener(name, name, { listener: PATIENCE }), servers);
    const tls = tlsSocket('Downstream', common, { require_client_certificate: true });
    const behind = await start((name) => tcpListener(name, name, { chain: tls }), servers);
    ways['a mutual TLS pair'] = await start(
      (name) => tcpListener(name, name),
      behind,
      tlsSocket('Upstream', common, { sni: 'database.test' }),
    );
  });

  const each = (name: string, run: (ports: Ports) => Promise<void>): void => {
    for (const way of ['a proxy', 'a proxy that looks for TLS first', 'a mutual TLS pair'])
      test(`${name} through ${way}`, async () => {
        const ports = ways[way];
        assert.ok(ports !== undefined);
        await run(ports);
      });
  };

  each('a hundred thousand rows of Postgres', async ({ postgres }) => {
    const rows = await psql(postgres, `select i, md5(i::text) from generate_series(1, ${ROWS}) i`);
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
    assert.deepEqual(
      rows,
      Array.from({ length: ROWS }, (_, i) => `${i + 1}|${md5(String(i + 1))}`),
    );
  });

  each('a hundred thousand rows into Postgres', async ({ postgres }) => {
    const psqlArgs = ['-X', '-q', '-A', '-t', '-h', '127.0.0.1', '-p', String(postgres), '-U', 'test', '-d', 'postgres'];
    const client = spawn('/usr/bin/psql', [
      ...psqlArgs,
      '-c',
      'create temp table t (n int)',
      '-c',
      'copy t from stdin',
      '-c',
      'select sum(n), count(*) from t',
    ]);
    let text = '';
    client.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    client.stdin.end(`${Array.from({ length: ROWS }, (_, i) => i + 1).join('\n')}\n`);
    await once(client, 'close');
    assert.equal(text.trim(), `5000050000|${ROWS}`);
  });

  each('ten thousand commands of Redis in one pipeline', async ({ redis }) => {
    const client = spawn('/usr/bin/redis-cli', ['-h', '127.0.0.1', '-p', String(redis), '--pipe']);
    let text = '';
    client.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    client.stdin.end(Array.from({ length: 10_000 }, (_, i) => `SET key:${i} ${'v'.repeat(i % 300)}${i}\r\n`).join(''));
    await once(client, 'close');
    assert.match(text, /errors: 0, replies: 10000/);
    assert.equal((await output('/usr/bin/redis-cli', '-h', '127.0.0.1', '-p', String(redis), 'strlen', 'key:299')).trim(), '302');
  });

  each('what Redis publishes', async ({ redis }) => {
    const socket = net.connect(redis, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write('SUBSCRIBE news\r\n');
    await until(() => text.includes(':1\r\n'));
    for (const word of ['one', 'two', 'three'])
      await output('/usr/bin/redis-cli', '-h', '127.0.0.1', '-p', String(redis), 'publish', 'news', word);
    await until(() => text.includes('three'));
    assert.match(text, /message\r\n\$4\r\nnews\r\n\$3\r\none\r\n.*\$3\r\ntwo\r\n.*\$5\r\nthree\r\n$/s);
    socket.destroy();
  });

  each('the greeting of MariaDB to a client that is silent', async ({ mariadb: port }) => {
    const socket = net.connect(port, '127.0.0.1');
    const [greeting]: Buffer[] = await once(socket, 'data');
    assert.equal(greeting?.[4], 10);
    assert.match(greeting?.toString('latin1') ?? '', /MariaDB/);
    socket.destroy();
  });

  each('a query of MariaDB', async ({ mariadb: port }) => {
    assert.deepEqual(await mariadb(port, "select 6 * 7, repeat('x', 3)"), ['42\txxx']);
  });

  test('every connection is over, and none failed', async () => {
    for (const proxy of proxies) {
      await proxy.untilStat(/^cluster\.postgres\.upstream_cx_active:/, 0);
      await proxy.untilStat(/^cluster\.redis\.upstream_cx_active:/, 0);
      assert.equal(await proxy.stat(/^cluster\.postgres\.upstream_cx_connect_fail:/), 0);
    }
  });
});

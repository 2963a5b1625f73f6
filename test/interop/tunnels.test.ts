/**
 * Tunnels between Tulle's proxy and a real Envoy by mTLS, either being the client: what our control plane has two of our
 * proxies do, each of them can do with an Envoy.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '../../src/core/testing/eventually.ts';
import { type Listener, type Setup, upstreamTls, type World } from '../differential/framework/bootstrap.ts';
import { createCertificates } from '../differential/framework/certificates.ts';
import { bytes } from '../differential/framework/h1-case.ts';
import { talk } from '../differential/framework/h1-client.ts';
import { cluster, httpFilter, httpOptions } from '../differential/framework/pieces.ts';
import { envoyCommand, type Proxy, type Servers, startProxy, TULLE } from '../differential/framework/proxies.ts';
import {
  INTERNAL_LISTENERS,
  internal,
  internalUpstream,
  ORIGINAL_DST,
  tcpListener,
  tcpProxy,
  toInternal,
} from '../differential/framework/tcp-pieces.ts';
import { envoyBinary, envoyMissing } from './envoy-binary.ts';

const DST = 'envoy.filters.listener.original_dst';
const AT_ONCE = 20;
/** Where the application would be; the server's proxy has it elsewhere. */
const WANTED = '10.1.2.3:7000';

const shared = (key: string, text: string, factory?: string): JsonObject => ({
  object_key: key,
  ...(factory === undefined ? {} : { factory_key: factory }),
  format_string: { text_format_source: { inline_string: text }, omit_empty_values: true },
  shared_with_upstream: 'ONCE',
  skip_if_empty: true,
});

/** An application that ends its side at once, and hears its client out. */
class Farewell {
  /** What each connection came to: bytes, and how it ended. */
  readonly heard: string[] = [];
  readonly #server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.on('end', () => this.heard.push(`${bytes} and an end`));
    socket.on('error', (error) => this.heard.push(`${bytes} and ${'code' in error ? String(error.code) : error.message}`));
    socket.end('bye');
  });

  async start(): Promise<Servers> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return {
      ports: { farewell: port },
      close: async () => {
        this.#server.close();
        await Promise.resolve();
      },
    };
  }
}

/** Connects, waits for the farewell, and then says `text`; how the connection ended. */
async function answerBack(port: number, text: string, how: 'end' | 'reset'): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let heard = '';
  let end = 'closed';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  socket.on('error', (error) => (end = 'code' in error ? String(error.code) : error.message));
  await once(socket, 'end');
  if (how === 'reset') socket.resetAndDestroy();
  else socket.end(text);
  if (!socket.closed) await once(socket, 'close');
  return `${heard} ${end}`;
}

/** The server's side: a tunnel needs a client's certificate, and what it carries is judged by that. */
function serverSetup({ servers }: World): Setup {
  const connectAuthority = httpFilter('set_filter_state', 'set_filter_state.v3.Config', {
    on_request_headers: [
      shared(`${DST}.local_ip`, '%REQ(:AUTHORITY)%'),
      shared('io.istio.peer_principal', '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.string'),
    ],
  });
  const terminate: Listener = {
    tls: { require_client_certificate: true },
    filters: [connectAuthority],
    manager: { upgrade_configs: [{ upgrade_type: 'CONNECT' }], http2_protocol_options: { allow_connect: true } },
    hosts: [
      {
        name: 'tunnels',
        domains: ['*'],
        routes: [
          {
            match: { connect_matcher: {} },
            route: { cluster: 'main_internal', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
          },
        ],
      },
    ],
  };
  const main = internal(
    {},
    {
      listener_filters: [ORIGINAL_DST],
      filter_chains: [
        { filter_chain_match: { destination_port: 7001 }, filters: [tcpProxy('farewell')] },
        {
          filter_chain_match: { destination_port: 7000, prefix_ranges: [{ address_prefix: '10.1.2.3', prefix_len: 32 }] },
          filters: [tcpProxy('origin')],
        },
      ],
    },
  );
  return {
    bootstrap: INTERNAL_LISTENERS,
    listeners: { terminate, main_internal: main },
    clusters: [toInternal('main_internal', 'main_internal', {}, internalUpstream()), cluster('farewell', [servers['farewell'] ?? 0])],
  };
}

/** The client's side, to where the server takes tunnels. */
function clientSetup(world: World, port: number): Setup {
  const entry = (target: string): Listener => tcpListener(world, target);
  const at = (local: string): JsonObject => ({ [DST]: { local, waypoint: `127.0.0.1:${port}` } });
  const tunneling = { tunneling_config: { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' } };
  return {
    bootstrap: INTERNAL_LISTENERS,
    listeners: {
      in: entry('outbound'),
      elsewhere: entry('outbound-elsewhere'),
      farewell: entry('outbound-farewell'),
      connect_originate: internal({ chain: { filters: [tcpProxy('connect_originate', tunneling)] } }, { listener_filters: [ORIGINAL_DST] }),
    },
    clusters: [
      toInternal('outbound', 'connect_originate', at(WANTED), internalUpstream([['host', DST]])),
      toInternal('outbound-farewell', 'connect_originate', at('10.1.2.3:7001'), internalUpstream([['host', DST]])),
      toInternal('outbound-elsewhere', 'connect_originate', at('10.1.2.4:7000'), internalUpstream([['host', DST]])),
      {
        name: 'connect_originate',
        type: 'ORIGINAL_DST',
        lb_policy: 'CLUSTER_PROVIDED',
        connect_timeout: '2s',
        original_dst_lb_config: { metadata_key: { key: DST, path: [{ key: 'waypoint' }] } },
        transport_socket: upstreamTls(world, {}, { alpn_protocols: ['h2'] }),
        typed_extension_protocol_options: httpOptions({ explicit_http_config: { http2_protocol_options: {} } }),
      },
    ],
  };
}

const isWhole = (text: string): boolean => text === 'HTTP/1.1 200 Origin';

for (const [client, server] of [
  ['tulle', 'envoy'],
  ['envoy', 'tulle'],
  ['tulle', 'tulle'],
] as const) {
  describe(`tunnels of ${client} to ${server}`, { skip: envoyMissing, timeout: 180_000 }, () => {
    const proxies: Proxy[] = [];
    const application = new Farewell();
    let near: Proxy;
    let far: Proxy;
    before(async () => {
      const binary = await envoyBinary();
      const commands = { tulle: TULLE, envoy: envoyCommand(binary) };
      const certificates = createCertificates();
      far = await startProxy(commands[server], certificates, serverSetup, () => application.start());
      proxies.push(far);
      const { port } = far.target('terminate');
      near = await startProxy(commands[client], certificates, (world) => clientSetup(world, port), undefined);
      proxies.push(near);
    });
    after(async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    });

    const ask = async (listener: string, wish = ''): Promise<string> => {
      const pieces = [bytes('/x', { wish })];
      try {
        const { answers } = await talk(near.target(listener), { pieces, answers: 1, isHead: false, endsAfter: false });
        return answers[0]?.line ?? 'closed';
      } catch {
        return 'closed';
      }
    };

    test('many connections are streams of one', async () => {
      const lines = [await ask('in'), ...(await Promise.all(Array.from({ length: AT_ONCE }, () => ask('in', 'size=100000'))))];
      assert.ok(lines.every(isWhole), lines.join('\n'));
      const stats = await near.stats('cluster.connect_originate.ssl.handshake');
      assert.deepEqual(Object.values(stats), [1]);
    });

    test('a tunnel leads nowhere but where it may', async () => {
      assert.equal(await ask('elsewhere'), 'closed');
    });

    if (client === 'tulle' && server === 'tulle') {
      test('whoever ends first, the other is heard out', async () => {
        const text = 'x'.repeat(1_000_000);
        assert.equal(await answerBack(near.target('farewell').port, text, 'end'), 'bye closed');
        await eventually(
          async () => application.heard.includes('1000000 and an end') || undefined,
          () => application.heard.join(),
        );
      });

      test('a reset of the client is a reset', async () => {
        application.heard.length = 0;
        await answerBack(near.target('farewell').port, '', 'reset');
        await eventually(
          async () => application.heard.includes('0 and ECONNRESET') || undefined,
          () => application.heard.join(),
        );
      });
    }

    test('who has no certificate gets no tunnel', async () => {
      const { tls: _none, ...plain } = far.target('terminate');
      const { answers } = await talk(plain, {
        pieces: [`CONNECT ${WANTED} HTTP/1.1\r\nhost: x\r\n\r\n`],
        answers: 1,
        isHead: true,
        endsAfter: false,
      });
      assert.deepEqual(answers, []);
    });
  });
}

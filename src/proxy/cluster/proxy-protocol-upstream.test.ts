import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { createAuthority } from '../../net/testing/authority.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import {
  createTestProxy,
  echoServer,
  portOf,
  readAll,
  tcpChain,
  type TestProxy,
  type TestServer,
  typed,
} from '../listener/testing/proxy-pieces.ts';

/* client -> listener `out` -> cluster `secure` (a header, then TLS) -> listener `in` (takes the header, then TLS) -> echo */
const ca = createAuthority('root');
const server = ca.issue({ names: 'DNS:a.test' });
const inline = (text: string): JsonObject => ({ inlineString: text });
let proxy: TestProxy;
let echo: TestServer;

before(async () => {
  proxy = createTestProxy();
  echo = await echoServer();
  proxy.tcpCluster('app', [echo.port]);
});

after(async () => {
  await proxy.close();
  echo.close();
});

/** The port of a listener that takes headers of the PROXY protocol before TLS, and logs whom connections are from. */
async function startInbound(): Promise<number> {
  const format = { textFormatSource: inline('from %DOWNSTREAM_REMOTE_ADDRESS% by %DOWNSTREAM_TLS_VERSION%') };
  const log = { name: 'file', typedConfig: typed(FileAccessLogSchema, { path: '/x', logFormat: format }) };
  const tlsCertificates = [{ certificateChain: inline(server.certificateChain), privateKey: inline(server.privateKey) }];
  const transportSocket = { name: 'tls', typedConfig: typed(DownstreamTlsContextSchema, { commonTlsContext: { tlsCertificates } }) };
  const listener = proxy.listener({
    name: 'in',
    listenerFilters: [{ name: 'envoy.filters.listener.proxy_protocol', typedConfig: typed(ProxyProtocolSchema) }],
    filterChains: [tcpChain('app', { transportSocket }, { accessLog: [log] })],
  });
  await listener.start();
  return portOf(listener);
}

for (const version of ['V1', 'V2']) {
  test(`a header of version ${version} goes before TLS, and tells the client`, async () => {
    const trust = { trustedCa: inline(ca.certificateChain) };
    const context = typed(UpstreamTlsContextSchema, { sni: 'a.test', commonTlsContext: { validationContext: trust } });
    const header = { config: { version }, transportSocket: { name: 'tls', typedConfig: context } };
    const name = `secure${version}`;
    proxy.tcpCluster(name, [await startInbound()], {
      transportSocket: { name: 'proxy', typedConfig: typed(ProxyProtocolUpstreamTransportSchema, header) },
    });
    const outbound = proxy.listener({ name: `out${version}`, filterChains: [tcpChain(name)] });
    await outbound.start();
    const handshakes = proxy.stat(`cluster.${name}.ssl.handshake`);
    const socket = net.connect(portOf(outbound), '127.0.0.1');
    await once(socket, 'connect');
    const from = `127.0.0.1:${socket.localPort}`;
    socket.end('hello');
    assert.equal(await readAll(socket), 'hello');
    assert.equal(proxy.stat(`cluster.${name}.ssl.handshake`), handshakes + 1);
    await until(() => proxy.log.length > 0);
    assert.match(proxy.log.splice(0).join(''), new RegExp(`from ${from} by TLSv1\\.3`));
  });
}

/** One proxy between clients and origins of either version of HTTP, in clear text and over TLS on both sides. */
import type { JsonObject } from '@bufbuild/protobuf';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { type Client, connectClient, type Target, type Version } from './http-client.ts';
import { type HttpOrigin, startHttpOrigin } from './http-origin.ts';
import { cluster, httpListener, httpOptions, type Lifetime, startStaticProxy, type StaticProxy, tlsSocket } from './static-proxy.ts';

export interface Pair {
  readonly name: string;
  readonly client: Version;
  readonly origin: Version;
  readonly isTls: boolean;
}

const VERSIONS = ['h1', 'h2'] as const;

export const PAIRS: readonly Pair[] = [false, true].flatMap((isTls) =>
  VERSIONS.flatMap((client) =>
    VERSIONS.map((origin): Pair => ({ name: `${client} to ${origin}${isTls ? ', TLS' : ''}`, client, origin, isTls })),
  ),
);

/** HTTP of either version as these tests want it: with trailers and tunnels. */
const MANAGER: JsonObject = {
  proxy_100_continue: true,
  http_protocol_options: { enable_trailers: true },
  http2_protocol_options: { allow_connect: true },
  upgrade_configs: [{ upgrade_type: 'websocket' }],
};

export const HTTP: Readonly<Record<Version, JsonObject>> = {
  h1: { http_protocol_options: { enable_trailers: true } },
  h2: { http2_protocol_options: { allow_connect: true } },
};

export interface PairedProxy {
  readonly proxy: StaticProxy;
  origin(pair: Pair): HttpOrigin;
  target(pair: Pair): Promise<Target>;
  connect(pair: Pair): Promise<Client>;
}

const keyOf = ({ origin, isTls }: Pair): string => `${origin}-${isTls ? 'tls' : 'plain'}`;

/** Starts the proxy and its four origins. Each has a listener of its own, which is named after it. */
export async function startPairs(t: Lifetime): Promise<PairedProxy> {
  const ca = createTestCa('pairs');
  const key = ca.issue('DNS:any.test');
  const secret = { certificate_chain: { inline_string: key.certificateChain }, private_key: { inline_string: key.privateKey } };
  const validation_context = { trusted_ca: { inline_string: ca.root } };
  const downstream = tlsSocket('Downstream', { tls_certificates: [secret], alpn_protocols: ['h2', 'http/1.1'] });
  const upstream = tlsSocket('Upstream', { validation_context }, { sni: 'any.test' });
  const origins = new Map<string, HttpOrigin>();
  const listeners: JsonObject[] = [];
  const clusters: JsonObject[] = [];
  for (const pair of PAIRS.filter(({ client }) => client === 'h1')) {
    const { origin: version, isTls } = pair;
    const name = keyOf(pair);
    const origin = await startHttpOrigin(t, version, isTls ? key : undefined);
    origins.set(name, origin);
    listeners.push(httpListener(name, name, { manager: MANAGER, chain: isTls ? downstream : {} }));
    clusters.push(cluster(name, origin.port, { ...httpOptions(HTTP[version]), ...(isTls ? upstream : {}) }));
  }
  const proxy = await startStaticProxy(t, () => ({ listeners, clusters }));
  const target = async (pair: Pair): Promise<Target> => ({
    port: await proxy.port(keyOf(pair)),
    root: pair.isTls ? ca.root : undefined,
  });
  return {
    proxy,
    origin(pair) {
      const origin = origins.get(keyOf(pair));
      if (origin === undefined) throw new Error(`there is no origin for ${pair.name}`);
      return origin;
    },
    target,
    async connect(pair) {
      const client = await connectClient(pair.client, await target(pair));
      t.after(() => client.close());
      return client;
    },
  };
}

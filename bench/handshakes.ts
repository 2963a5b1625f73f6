/**
 * CPU per TLS handshake and handshakes per second, full and resumed, of Tulle and Envoy side by side: a listener that asks
 * for a client's certificate (`server`), and two proxies with mTLS between them, one handshake a TCP connection (`pair`).
 *
 *     node bench/handshakes.ts [connections]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { freePort } from '../test/interop/envoy-process.ts';
import { certificates } from './certificates.ts';
import { accepting, start, stop, usage } from './processes.ts';

const AT_ONCE = 8;
const WARM_UP = 200;
const TLS_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
const CLASSIC = ['X25519'];
const HYBRID = ['X25519MLKEM768'];

type Json = Readonly<Record<string, unknown>>;

interface Variant {
  readonly name: string;
  readonly isPair: boolean;
  readonly resumes: boolean;
  readonly groups: readonly string[];
}

const VARIANTS: readonly Variant[] = [
  { name: 'server, full', isPair: false, resumes: false, groups: CLASSIC },
  { name: 'server, full, hybrid', isPair: false, resumes: false, groups: HYBRID },
  { name: 'server, resumed', isPair: false, resumes: true, groups: CLASSIC },
  { name: 'pair, full', isPair: true, resumes: false, groups: CLASSIC },
  { name: 'pair, full, hybrid', isPair: true, resumes: false, groups: HYBRID },
  { name: 'pair, resumed', isPair: true, resumes: true, groups: CLASSIC },
];

const at = (port: number): Json => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function common(folder: string, groups: readonly string[]): Json {
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3', ecdh_curves: groups },
    tls_certificates: [{ certificate_chain: { filename: `${folder}/cert.pem` }, private_key: { filename: `${folder}/key.pem` } }],
    validation_context: { trusted_ca: { filename: `${folder}/ca.pem` } },
  };
}

const socket = (side: string, context: Json): Json => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': `${TLS_TYPE}${side}TlsContext`, ...context },
});

/** A bootstrap of one listener that leads to `to` as TCP. */
function bootstrap(port: number, to: number, incoming: Json | undefined, outgoing: Json | undefined): string {
  const type = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
  const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: { '@type': type, stat_prefix: 'x', cluster: 'to' } }];
  const chain = { filters, ...(incoming === undefined ? {} : { transport_socket: incoming }) };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(to) } }] }];
  const cluster = {
    name: 'to',
    type: 'STATIC',
    load_assignment: { cluster_name: 'to', endpoints },
    ...(outgoing === undefined ? {} : { transport_socket: outgoing }),
  };
  return JSON.stringify({
    static_resources: { listeners: [{ name: 'in', address: at(port), filter_chains: [chain] }], clusters: [cluster] },
  });
}

/** Connects again and again until as many have come back with a byte as were asked for; in a process of its own. */
async function connectMany(port: number, count: number, secured: tls.ConnectionOptions | undefined, resumes: boolean): Promise<void> {
  let left = count;
  let session: Buffer | undefined;
  const one = async (): Promise<void> => {
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false };
    const connection = secured === undefined ? net.connect(options) : tls.connect({ ...options, ...secured, ...(session && { session }) });
    if (resumes) connection.on('session', (given: Buffer) => (session = given));
    connection.on('error', () => undefined);
    connection.write('x');
    connection.once('data', () => connection.destroy());
    await once(connection, 'close');
  };
  const worker = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

interface Order {
  readonly port: number;
  readonly folder: string | undefined;
  readonly groups: readonly string[];
  readonly resumes: boolean;
}

/** The client: does what it is told, and says when it is done. */
function serveOrders(): void {
  process.on('message', (order: Order & { readonly count: number }) => {
    const { port, count, folder, groups, resumes } = order;
    const files = folder === undefined ? undefined : [readFileSync(`${folder}/cert.pem`), readFileSync(`${folder}/key.pem`)];
    const secured =
      files === undefined
        ? undefined
        : { secureContext: tls.createSecureContext({ cert: files[0], key: files[1], ecdhCurve: groups.join(':') }) };
    void connectMany(port, count, secured, resumes).then(() => process.send?.('done'));
  });
}

type Peer = readonly [name: string, command: (file: string) => readonly [string, ...string[]]];

function peers(): Peer[] {
  const envoy = findEnvoy();
  const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'off'];
  const main = path.resolve(import.meta.dirname, '../bin/tulle.js');
  return [
    ['tulle', (file) => [process.execPath, main, 'proxy', '-c', file, '--log-level', 'warn']],
    ...(envoy === undefined ? [] : [['envoy', (file) => [envoy, '-c', file, ...flags]] satisfies Peer]),
  ];
}

/** CPU in microseconds per connection of the proxies, and connections per second. */
async function measure(
  [, command]: Peer,
  variant: Variant,
  folder: string,
  count: number,
): Promise<readonly [cpuUs: number, perSecond: number]> {
  const { isPair, resumes, groups } = variant;
  const origin = net.createServer((connection) => connection.on('error', () => connection.destroy()).pipe(connection));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const address = origin.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const [inner, outer] = [await freePort(), await freePort()];
  const tickets = { disable_stateless_session_resumption: !resumes, disable_stateful_session_resumption: !resumes };
  const incoming = socket('Downstream', { common_tls_context: common(folder, groups), require_client_certificate: true, ...tickets });
  const outgoing = socket('Upstream', { common_tls_context: common(folder, groups), max_session_keys: resumes ? 1 : 0 });
  const files = [bootstrap(inner, address.port, incoming, undefined), ...(isPair ? [bootstrap(outer, inner, undefined, outgoing)] : [])];
  const log = openSync(path.join(folder, 'log'), 'a');
  const proxies = files.map((text, i) => {
    const file = path.join(folder, `${i}.json`);
    writeFileSync(file, text);
    const [program, ...args] = command(file);
    return start(program, args, log);
  });
  const port = isPair ? outer : inner;
  await Promise.all([inner, port].map((each) => accepting(each)));
  const client = fork(import.meta.filename, ['client']);
  const run = async (connections: number): Promise<void> => {
    client.send({ port, count: connections, folder: isPair ? undefined : folder, groups, resumes });
    await once(client, 'message');
  };
  await run(WARM_UP);
  const [before, startMs] = [usage(proxies).cpu, performance.now()];
  await run(count);
  const [after, endMs] = [usage(proxies).cpu, performance.now()];
  client.kill();
  await Promise.all(proxies.map(stop));
  origin.close();
  return [((after - before) * 1e6) / count, count / ((endMs - startMs) / 1000)];
}

async function main(count: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-handshakes-'));
  certificates(folder);
  const rows = [];
  for (const variant of VARIANTS) {
    for (const peer of peers()) {
      const [cpuUs, perSecond] = await measure(peer, variant, folder, count);
      rows.push({ handshake: variant.name, proxy: peer[0], 'CPU us': Math.round(cpuUs), 'per second': Math.round(perSecond) });
    }
  }
  console.table(rows);
  rmSync(folder, { recursive: true });
}

if (process.argv[2] === 'client') serveOrders();
else await main(Number(process.argv[2] ?? 1500));

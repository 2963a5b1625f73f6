/**
 * An application that does what a test asks it to, from where it stands: `agent.ts <socket> [serve]`. It takes one
 * order a request on a Unix socket, which namespaces do not part; with `serve` it is a server as well, whose TCP ports
 * speak first. (`serve` needs `key.pem` and `cert.pem` beside the socket.)
 */
import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

/** What can be asked for. */
export type Order =
  | { readonly kind: 'http'; readonly host: string; readonly port: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'tls'; readonly host: string; readonly port: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'dns'; readonly name: string; readonly server: string };

const PATIENCE_MS = 8_000;
export const HTTP_PORT = 8080;
/** HTTP that is declared without a protocol, and TLS of the application's own. */
export const SNIFFED_PORT = 8081;
export const TLS_PORT = 7443;
/** Declared as TCP, declared without a protocol, and not declared. */
export const TCP_PORT = 7001;
export const AUTO_PORT = 7002;
export const SECRET_PORT = 7003;
/** Nobody listens there. */
export const CLOSED_PORT = 7004;

/** `200 <body>`, or how it failed. */
function callHttp(order: Order & { kind: 'http' }): Promise<string> {
  return new Promise((resolve) => {
    const { host, port, headers = {} } = order;
    const sent = request({ host, port, headers, timeout: PATIENCE_MS, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
      response.on('error', (error) => resolve(error.message));
    });
    sent.on('timeout', () => sent.destroy(new Error('timed out')));
    sent.on('error', (error) => resolve(`failed: ${error.message}`));
    sent.end();
  });
}

/** What a server says first, and what it then answers to `ping`; `closed` where it says nothing. */
function callTcp(order: Order & { kind: 'tcp' }): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(order.port, order.host);
    let text = '';
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('timed out')));
    socket.on('data', (chunk) => {
      if (text === '') socket.write('ping');
      text += chunk.toString();
      if (text.endsWith('ping')) socket.end();
    });
    socket.on('error', (error) => (text += ` failed: ${error.message}`));
    socket.on('close', () => resolve(text === '' ? 'closed' : text));
  });
}

/** What a server of TLS answers to `ping`, and the protocol that was agreed on. */
function callTls(order: Order & { kind: 'tls' }): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: order.host, port: order.port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('timed out')));
    socket.on('secureConnect', () => socket.write('ping'));
    socket.on('data', (chunk) => {
      resolve(`${String(socket.alpnProtocol)} ${chunk.toString()}`);
      socket.destroy();
    });
    socket.on('error', (error) => resolve(`failed: ${error.message}`));
    socket.on('close', () => resolve('closed'));
  });
}

/** Both families' addresses, or the resolver's error. */
async function callDns(order: Order & { kind: 'dns' }): Promise<string> {
  const resolver = new Resolver({ timeout: PATIENCE_MS, tries: 1 });
  resolver.setServers([order.server]);
  const codeOf = (error: unknown): string => String(Reflect.get(Object(error), 'code'));
  const answers = [resolver.resolve4(order.name).catch(codeOf), resolver.resolve6(order.name).catch(codeOf)];
  return (await Promise.all(answers)).flat().join(' ');
}

function carryOut(order: Order): Promise<string> {
  if (order.kind === 'http') return callHttp(order);
  if (order.kind === 'tls') return callTls(order);
  return order.kind === 'tcp' ? callTcp(order) : callDns(order);
}

/** Serves on every port; `folder` has the key and the certificate. */
function serve(folder: string): void {
  const name = process.env['NAME'] ?? 'agent';
  for (const port of [Number(process.env['PORT'] ?? HTTP_PORT), SNIFFED_PORT]) {
    const server = createServer((asked, response) => {
      const peer = String(asked.headers['x-forwarded-client-cert'] ?? 'plaintext');
      response.end(`${name} asked by ${/URI=(\S+?)(?:;|$)/.exec(peer)?.[1] ?? peer}`);
    });
    server.listen(port);
  }
  const [cert, key] = ['cert.pem', 'key.pem'].map((file) => readFileSync(path.join(folder, file)));
  const secure = tls.createServer({ ...(cert && { cert }), ...(key && { key }), ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (chunk) => socket.write(`${name} heard ${chunk.toString()}`));
  });
  secure.listen(TLS_PORT);
  for (const port of [TCP_PORT, AUTO_PORT, SECRET_PORT]) {
    const server = net.createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.write(`${name} ${port} says `);
      socket.pipe(socket);
    });
    server.listen(port);
  }
}

const [socketPath, role] = process.argv.slice(2);
if (import.meta.main && socketPath !== undefined) {
  createServer((asked, response) => {
    let text = '';
    asked.on('data', (chunk: Buffer) => (text += chunk.toString()));
    asked.on('end', () => {
      const order: Order = JSON.parse(text);
      void carryOut(order).then((answer) => response.end(answer));
    });
  }).listen(socketPath);
  if (role === 'serve') serve(path.dirname(socketPath));
}

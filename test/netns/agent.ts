/**
 * An application that does what a test asks it to, from where it stands: `agent.ts <socket> [serve]`. It takes one
 * order a request on a Unix socket, which namespaces do not part; with `serve` it is a server as well, whose TCP ports
 * speak first.
 */
import { Resolver } from 'node:dns/promises';
import { createServer, request } from 'node:http';
import net from 'node:net';

/** What can be asked for. */
export type Order =
  | { readonly kind: 'http'; readonly host: string; readonly port: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'dns'; readonly name: string; readonly server: string };

const PATIENCE_MS = 8_000;
export const HTTP_PORT = 8080;
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
  return order.kind === 'tcp' ? callTcp(order) : callDns(order);
}

function serve(): void {
  const name = process.env['NAME'] ?? 'agent';
  createServer((asked, response) => {
    const peer = String(asked.headers['x-forwarded-client-cert'] ?? 'plaintext');
    response.end(`${name} asked by ${/URI=(\S+?)(?:;|$)/.exec(peer)?.[1] ?? peer}`);
  }).listen(Number(process.env['PORT'] ?? HTTP_PORT));
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
  if (role === 'serve') serve();
}

/**
 * `node bench/hold-connections.ts <port> <count> [folder]`: opens connections, sends one request on each, says so, and keeps
 * them; by mutual TLS with the certificate in the folder, if there is one.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { REQUEST_PATH } from './load.ts';

const AT_ONCE = 100;
const [, , port, wanted, folder] = process.argv;
const count = Number(wanted);
const to = { host: '127.0.0.1', port: Number(port) };
const REQUEST = `GET ${REQUEST_PATH} HTTP/1.1\r\nHost: reviews\r\n\r\n`;
const held: net.Socket[] = [];

function secureContext(certificates: string): tls.SecureContext {
  const read = (name: string): Buffer => readFileSync(`${certificates}/${name}.pem`);
  return tls.createSecureContext({ cert: read('cert'), key: read('key'), ca: read('ca') });
}

const secured = folder === undefined ? undefined : { secureContext: secureContext(folder), checkServerIdentity: () => undefined };

async function open(): Promise<void> {
  const socket = secured === undefined ? net.connect(to) : tls.connect({ ...to, ...secured });
  socket.write(REQUEST);
  await once(socket, 'data');
  held.push(socket);
}

while (held.length < count) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - held.length) }, open));
console.log(`${held.length} connections`);
setInterval(() => {}, 1 << 30);

/** `node bench/hold-connections.ts <port> <count>`: opens connections, sends one request on each, says so, and keeps them. */
import { once } from 'node:events';
import net from 'node:net';
import { REQUEST_PATH } from './load.ts';

const AT_ONCE = 100;
const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const REQUEST = `GET ${REQUEST_PATH} HTTP/1.1\r\nHost: reviews\r\n\r\n`;
const held: net.Socket[] = [];

async function open(): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(REQUEST);
  await once(socket, 'data');
  held.push(socket);
}

while (held.length < count) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - held.length) }, open));
console.log(`${held.length} connections`);
setInterval(() => {}, 1 << 30);

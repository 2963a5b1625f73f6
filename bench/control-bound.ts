/**
 * `node bench/control-bound.ts [connections] [KiB]`: what an edit of a route configuration that a thousand Envoys are sent
 * whole takes at least on this machine. One process writes the same bytes to each connection, one process reads them and
 * looks at none; there is no control plane, no HTTP/2 and no xDS. Said are the milliseconds until the last connection has
 * everything, and the CPU of both.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { usage } from './processes.ts';
import { middle } from './report.ts';

/** A thousand virtual hosts, as `control-mesh.ts` makes them, are 1,308,423 bytes. */
const KIB = 1278;
const CONNECTIONS = 1000;
const ROUNDS = 7;
/** As our HTTP/2 reads, which is what stands for proxies elsewhere. */
const READ_BYTES = 64 * 1024;

const nowMs = (): number => performance.timeOrigin + performance.now();

/** In the reading process: connects, and tells whenever each connection has got `bytes` more. */
function readAll(port: number, connections: number, bytes: number): void {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let whole = 0;
  for (let i = 0; i < connections; i++) {
    let left = bytes;
    const callback = (read: number): boolean => {
      left -= read;
      if (left > 0) return true;
      left = bytes;
      whole += 1;
      if (whole % connections === 0) process.send?.(nowMs());
      return true;
    };
    net.connect({ port, host: '127.0.0.1', onread: { buffer, callback } });
  }
}

async function openAll(server: net.Server, connections: number, reader: ChildProcess, bytes: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  server.on('connection', (socket) => {
    if (sockets.push(socket.setNoDelay(true)) === connections) resolve();
  });
  const address = server.address();
  reader.send({ port: typeof address === 'object' ? address?.port : 0, connections, bytes });
  await promise;
  return sockets;
}

async function measure(connections: number, bytes: number): Promise<void> {
  const server = net.createServer().listen(0, '127.0.0.1', connections);
  await once(server, 'listening');
  const reader = fork(import.meta.filename, ['read']);
  const sockets = await openAll(server, connections, reader, bytes);
  const content = Buffer.allocUnsafeSlow(bytes).fill(1);
  const rounds: { readonly ms: number; readonly writing: number; readonly reading: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    await sleep(300);
    const [own, others] = [process.cpuUsage(), usage([reader]).cpu];
    const startMs = nowMs();
    for (const socket of sockets) socket.write(content);
    const [endMs]: number[] = await once(reader, 'message');
    const { user, system } = process.cpuUsage(own);
    rounds.push({ ms: (endMs ?? NaN) - startMs, writing: (user + system) / 1000, reading: (usage([reader]).cpu - others) * 1000 });
  }
  // the first is the warm-up's
  const said = (figure: keyof (typeof rounds)[number]): string => middle(rounds.slice(1).map((each) => each[figure])).toFixed(0);
  console.log(
    `${connections} connections, ${bytes >> 10} KiB each: ${said('ms')} ms (CPU: writing ${said('writing')}, reading ${said('reading')})`,
  );
  reader.kill();
  server.close();
  for (const socket of sockets) socket.destroy();
}

if (process.argv[2] === 'read') {
  process.once('message', (to: { port: number; connections: number; bytes: number }) => readAll(to.port, to.connections, to.bytes));
} else {
  await measure(Number(process.argv[2] ?? CONNECTIONS), Number(process.argv[3] ?? KIB) * 1024);
}

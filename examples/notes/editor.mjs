/** Notes something over many connections at a time, again and again, and says how many of them were answered. */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const COUNT = 20;
const PAUSE_MS = 500;

/** In explicit mode a service has a port of loopback, which differs between workloads; else its own name and port. */
const [port = 17_000] = process.argv.slice(2).map(Number);
const where = process.env['HTTP_PROXY'] === undefined ? { host: 'notes', port: 7000 } : { host: '127.0.0.1', port };

function note(text) {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect({ ...where, allowHalfOpen: true });
    const end = () => resolve(answer === `notes 1.0\nnoted: ${text}\n`);
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('end', end);
    socket.on('error', end);
    socket.end(`${text}\n`);
  });
}

for (;;) {
  const answers = await Promise.all(Array.from({ length: COUNT }, (_, i) => note(`line ${i}`)));
  console.log(`${answers.filter(Boolean).length} of ${COUNT} noted`);
  await sleep(PAUSE_MS);
}

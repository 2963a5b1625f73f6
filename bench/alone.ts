import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PORT = 20_997;
const RETRY_MS = 1000;

async function listens(): Promise<boolean> {
  const server = net.createServer().unref();
  try {
    await once(server.listen(PORT, '127.0.0.1'), 'listening');
    return true;
  } catch {
    return false;
  }
}

/** Resolves when no other benchmark runs on this machine, and keeps others waiting until this process ends. */
export async function runAlone(): Promise<void> {
  if (await listens()) return;
  console.log('another benchmark is running: this one waits for it');
  do await sleep(RETRY_MS);
  while (!(await listens()));
}

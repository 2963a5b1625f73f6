/**
 * Loaded into a proxy by `--import`: profiles it from the message `start` to the message `stop`, whose answer is the
 * profile.
 */
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
process.on('message', (message) => void (message === 'start' ? begin() : end()));
// the channel must not keep the proxy alive
process.channel?.unref();

async function begin(): Promise<void> {
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 250 });
  await session.post('Profiler.start');
}

async function end(): Promise<void> {
  const { profile } = await session.post('Profiler.stop');
  process.send?.(JSON.stringify(profile));
}

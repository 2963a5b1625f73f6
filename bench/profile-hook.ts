/**
 * Loaded into a proxy by `--import`: profiles it from the message `cpu` or `allocations` to the message `stop`, whose
 * answer is the profile.
 */
import { Session } from 'node:inspector/promises';

/** Bytes between two samples of allocations, on average. */
const SAMPLE_BYTES = 4096;
const SAMPLE_US = 250;

const session = new Session();
session.connect();
let isCpu = true;
process.on('message', (message) => void (message === 'stop' ? end() : begin(message === 'cpu')));
// the channel must not keep the proxy alive
process.channel?.unref();

async function begin(ofCpu: boolean): Promise<void> {
  isCpu = ofCpu;
  if (isCpu) {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await session.post('Profiler.start');
  } else {
    const all = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
    await session.post('HeapProfiler.startSampling', { samplingInterval: SAMPLE_BYTES, ...all });
  }
}

async function end(): Promise<void> {
  const { profile } = isCpu ? await session.post('Profiler.stop') : await session.post('HeapProfiler.stopSampling');
  process.send?.(JSON.stringify(profile));
}

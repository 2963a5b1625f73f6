/** What the system lets this process have: memory of its control group, and descriptors. Linux; elsewhere no limits are known. */
import { statSync } from 'node:fs';
import { readTrimmed } from '../read-trimmed.ts';

/** A number of a file; undefined where there is none, or `max`. */
function readNumber(file: string): number | undefined {
  const text = readTrimmed(file);
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** Version 1 writes "no limit" as the largest multiple of a page. */
const NO_LIMIT_BYTES = 2 ** 60;

/** The control group's folder as this process sees it, with the file names of its version. */
function memoryFiles(root: string): { readonly limits: readonly string[]; readonly usage: string } {
  const own = /^0::(\/.*)$/m.exec(readTrimmed('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  const folders = own === '/' ? [root] : [`${root}${own}`, root];
  return {
    limits: [...folders.map((folder) => `${folder}/memory.max`), `${root}/memory/memory.limit_in_bytes`],
    usage:
      folders.map((folder) => `${folder}/memory.current`).find((file) => readTrimmed(file) !== undefined) ??
      `${root}/memory/memory.usage_in_bytes`,
  };
}

/** Bytes that the control group may use; undefined without a limit. */
export function memoryLimitBytes(root = '/sys/fs/cgroup'): number | undefined {
  const limits = memoryFiles(root)
    .limits.map(readNumber)
    .filter((bytes) => bytes !== undefined && bytes < NO_LIMIT_BYTES);
  return limits.length === 0 ? undefined : Math.min(...limits.map((bytes) => bytes ?? Infinity));
}

/** Bytes that the control group uses, caches of files included; undefined where that is not told. */
export function memoryUsageBytes(root = '/sys/fs/cgroup'): number | undefined {
  return readNumber(memoryFiles(root).usage);
}

/** Descriptors that this process may have; undefined where that is not told. */
export function descriptorLimit(): number | undefined {
  const soft = /^Max open files\s+(\d+)/m.exec(readTrimmed('/proc/self/limits') ?? '')?.[1];
  return soft === undefined ? undefined : Number(soft);
}

/** Descriptors that it has; undefined where the kernel does not count them (before Linux 6.2). */
export function descriptorsOpen(): number | undefined {
  try {
    return statSync('/proc/self/fd').size || undefined;
  } catch {
    return undefined;
  }
}

/** Microseconds of CPU that the control group has used, and how many processors it may use; undefined where that is not told. */
export function containerCpu(root = '/sys/fs/cgroup'): { readonly usedUs: number; readonly cores: number } | undefined {
  const used = /^usage_usec (\d+)$/m.exec(readTrimmed(`${root}/cpu.stat`) ?? '')?.[1];
  const [quota, period] = (readTrimmed(`${root}/cpu.max`) ?? '').split(' ');
  if (used === undefined || quota === undefined || period === undefined || quota === 'max') return undefined;
  return { usedUs: Number(used), cores: Number(quota) / Number(period) };
}

/** Ticks that all processors have worked, and those that have passed; undefined where that is not told. */
export function hostCpu(): { readonly worked: number; readonly passed: number } | undefined {
  const line = /^cpu +(.*)$/m.exec(readTrimmed('/proc/stat') ?? '')?.[1];
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, idle = 0] = line.split(' ').map(Number);
  const worked = user + nice + system;
  return { worked, passed: worked + idle };
}

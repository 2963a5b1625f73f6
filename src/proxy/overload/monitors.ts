/** What can run out, each as a pressure: 0 nothing is used, 1 all that there is. */
import { readFileSync } from 'node:fs';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError, messageOf } from '../../core/errors.ts';
import {
  CpuUtilizationConfig_UtilizationComputeStrategy as CpuMode,
  CpuUtilizationConfigSchema,
} from '../../xds/gen/envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization_pb.ts';
import { CgroupMemoryConfigSchema } from '../../xds/gen/envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory_pb.ts';
import { DownstreamConnectionsConfigSchema } from '../../xds/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.ts';
import { FixedHeapConfigSchema } from '../../xds/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.ts';
import { InjectedResourceConfigSchema } from '../../xds/gen/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import { containerCpu, hostCpu, memoryLimitBytes, memoryUsageBytes } from './container-limits.ts';

/** Tells a resource's pressure now; throws where it cannot be told. */
export type ReadPressure = () => number;

/** A monitor: one that is read at intervals, or the limit of connections, which is looked at for each of them. */
export type Monitor = { readonly kind: 'read'; readonly read: ReadPressure } | { readonly kind: 'connections'; readonly max: number };

/** Weight of the newest of the shares that are averaged. Source: Envoy, `cpu_utilization_monitor.cc`. */
const CPU_WEIGHT = 0.05;

function positive(value: bigint, path: string): number {
  if (value <= 0n) throw new ConfigError(path, 'must be greater than 0');
  return Number(value);
}

/** Resident memory of the process as a share of `bytes`: what a container is killed for, unlike the heap alone. */
function residentShare(bytes: number): ReadPressure {
  return () => process.memoryUsage.rss() / bytes;
}

function cgroupMemory(configured: bigint): ReadPressure {
  return () => {
    const limits = [memoryLimitBytes(), configured === 0n ? undefined : Number(configured)].filter((bytes) => bytes !== undefined);
    const usage = memoryUsageBytes();
    if (usage === undefined) throw new Error('the control group does not tell its memory');
    return limits.length === 0 ? 0 : usage / Math.min(...limits);
  };
}

function injected(filename: string): ReadPressure {
  return () => {
    const pressure = Number(readFileSync(filename, 'utf8'));
    if (!(pressure >= 0 && pressure <= 1)) throw new Error(`${filename} has no number from 0 to 1`);
    return pressure;
  };
}

/** A share of time between one reading and the next, smoothed. */
function smoothed(next: () => { readonly worked: number; readonly passed: number }): ReadPressure {
  let last = next();
  let average = 0;
  return () => {
    const now = next();
    const passed = now.passed - last.passed;
    const share = passed <= 0 ? 0 : Math.min(1, (now.worked - last.worked) / passed);
    last = now;
    average = share * CPU_WEIGHT + average * (1 - CPU_WEIGHT);
    return average;
  };
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the system does not tell how busy its processors are');
  return value;
}

function cpu(mode: CpuMode): ReadPressure {
  if (mode === CpuMode.HOST) return smoothed(() => known(hostCpu()));
  return smoothed(() => {
    const { usedUs, cores } = known(containerCpu());
    return { worked: usedUs / cores, passed: performance.now() * 1000 };
  });
}

function cpuMonitor(mode: CpuMode, path: string): ReadPressure {
  try {
    return cpu(mode);
  } catch (error) {
    throw new ConfigError(`${path}.mode`, messageOf(error), { cause: error });
  }
}

/** Makes the monitor that an Any configures; `path` is the Any's. Throws ConfigError. */
export function readMonitor(any: Any | undefined, path: string): Monitor {
  const read = (pressure: ReadPressure): Monitor => ({ kind: 'read', read: pressure });
  switch (any === undefined ? '' : typeNameOf(any)) {
    case FixedHeapConfigSchema.typeName: {
      const { maxHeapSizeBytes } = decodeTyped(any, FixedHeapConfigSchema, path);
      return read(residentShare(positive(maxHeapSizeBytes, `${path}.max_heap_size_bytes`)));
    }
    case CgroupMemoryConfigSchema.typeName:
      return read(cgroupMemory(decodeTyped(any, CgroupMemoryConfigSchema, path).maxMemoryBytes));
    case CpuUtilizationConfigSchema.typeName:
      return read(cpuMonitor(decodeTyped(any, CpuUtilizationConfigSchema, path).mode, path));
    case InjectedResourceConfigSchema.typeName:
      return read(injected(decodeTyped(any, InjectedResourceConfigSchema, path).filename));
    case DownstreamConnectionsConfigSchema.typeName: {
      const { maxActiveDownstreamConnections } = decodeTyped(any, DownstreamConnectionsConfigSchema, path);
      return { kind: 'connections', max: positive(maxActiveDownstreamConnections, `${path}.max_active_downstream_connections`) };
    }
    default:
      throw new ConfigError(
        path,
        `${any === undefined ? 'nothing' : typeNameOf(any)} is not supported by Tulle; fixed_heap, cgroup_memory, cpu_utilization, downstream_connections and injected_resource are`,
      );
  }
}

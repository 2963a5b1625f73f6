/** What should run, as the control plane's `/api/workloads` says it. */
import type { ProxySettings } from '../../model/proxy-settings.ts';
import type { Workload } from '../../model/workload.ts';
import { CliError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { isObject } from '../json.ts';

const LISTS = ['ports', 'command', 'upstreams'] as const;
const TEXTS = ['name', 'namespace', 'serviceAccount', 'workingDir', 'locality'] as const;
const OBJECTS = ['labels', 'env', 'origin'] as const;

/** True for settings of a proxy, as the control plane says them. */
export function isProxySettings(value: unknown): value is ProxySettings {
  return isObject(value) && isObject(value['environment']);
}

function isWorkload(value: unknown): value is Workload {
  if (!isObject(value)) return false;
  const has = (keys: readonly string[], test: (field: unknown) => boolean): boolean => keys.every((key) => test(value[key]));
  return (
    has(LISTS, Array.isArray) &&
    has(TEXTS, (field) => typeof field === 'string') &&
    has(OBJECTS, isObject) &&
    typeof value['replicas'] === 'number' &&
    typeof value['isMeshed'] === 'boolean' &&
    (value['proxy'] === undefined || isProxySettings(value['proxy'])) &&
    (value['role'] === 'sidecar' || value['role'] === 'router')
  );
}

/** The workloads of one line of the watch; throws where the control plane is of another version and says something else. */
export function readWorkloads(line: unknown): readonly Workload[] {
  const message: JsonObject = isObject(line) ? line : {};
  const { workloads } = message;
  if (Array.isArray(workloads) && workloads.every(isWorkload)) return workloads;
  throw new CliError('the control plane sent workloads that cannot be read', 'use the same version of tulle for both');
}

/** Reads `overload_manager` of a bootstrap. Source: envoy.config.overload.v3. */
import { ConfigError } from '../../core/errors.ts';
import type { OverloadAction, OverloadManager } from '../../xds/gen/envoy/config/overload/v3/overload_pb.ts';
import { durationMs } from '../config/durations.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { type Act, createAction } from './actions.ts';
import { type Monitor, readMonitor } from './monitors.ts';
import type { Overload } from './overload.ts';
import { readTrigger, type TriggerRule } from './triggers.ts';

/** An action with what it hangs on. */
export interface ActionSettings {
  readonly name: string;
  readonly act: Act;
  /** By name of the resource. */
  readonly triggers: readonly (readonly [resource: string, rule: TriggerRule])[];
}

export interface OverloadSettings {
  readonly refreshMs: number;
  readonly monitors: ReadonlyMap<string, Monitor>;
  readonly actions: readonly ActionSettings[];
}

const REFRESH_MS = 1000;
const PATH = 'overload_manager';

function readAction(
  config: OverloadAction,
  path: string,
  monitors: ReadonlyMap<string, Monitor>,
  overload: Overload,
  stats: StatsScope,
): ActionSettings {
  const own = stats.scope(`overload.${config.name}`);
  const triggers = config.triggers.map((trigger, i) => {
    const at = `${path}.triggers[${i}]`;
    const monitor = monitors.get(trigger.name);
    if (monitor === undefined) throw new ConfigError(`${at}.name`, `there is no resource monitor ${trigger.name}`);
    if (monitor.kind === 'connections')
      throw new ConfigError(`${at}.name`, `${trigger.name} closes connections by itself, and triggers nothing`);
    return [trigger.name, readTrigger(trigger, at)] as const;
  });
  if (triggers.length === 0) throw new ConfigError(`${path}.triggers`, 'is empty');
  return { name: config.name, act: createAction(config.name, config.typedConfig, `${path}.typed_config`, overload, own), triggers };
}

function readMonitors(config: OverloadManager): ReadonlyMap<string, Monitor> {
  const monitors = new Map<string, Monitor>();
  for (const [i, { name, configType }] of config.resourceMonitors.entries()) {
    const path = `${PATH}.resource_monitors[${i}]`;
    if (monitors.has(name)) throw new ConfigError(`${path}.name`, `"${name}" stands twice`);
    monitors.set(name, readMonitor(configType.value, `${path}.typed_config`));
  }
  return monitors;
}

/** Reads and checks the configuration; actions write into `overload`. Throws ConfigError naming the field. */
export function readOverloadManager(config: OverloadManager, overload: Overload, stats: StatsScope): OverloadSettings {
  const monitors = readMonitors(config);
  const names = new Set<string>();
  const actions = config.actions.map((action, i) => {
    const path = `${PATH}.actions[${i}]`;
    if (names.has(action.name)) throw new ConfigError(`${path}.name`, `"${action.name}" stands twice`);
    names.add(action.name);
    return readAction(action, path, monitors, overload, stats);
  });
  return { refreshMs: durationMs(config.refreshInterval, REFRESH_MS), monitors, actions };
}

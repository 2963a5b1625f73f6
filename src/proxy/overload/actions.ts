/** What an overloaded proxy does, by Envoy's names: each takes how much of it is asked for, from 0 to 1. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { collectGarbage } from './collect-garbage.ts';
import { ConfigError } from '../../core/errors.ts';
import {
  ScaleTimersOverloadActionConfig_TimerType as TimerType,
  type ScaleTimersOverloadActionConfig_ScaleTimer as ScaleTimer,
  ScaleTimersOverloadActionConfigSchema,
} from '../../xds/gen/envoy/config/overload/v3/overload_pb.ts';
import { prepareDescriptors } from '../../net/descriptor-passing.ts';
import { durationMs } from '../config/durations.ts';
import { decodeTyped } from '../config/typed-config.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { type Overload, ScaledTimeout, type ScaledTimer } from './overload.ts';

/** Does an action, as much of it as `share` says. Called at every refresh. */
export type Act = (share: number, nowMs: number) => void;

/** How long memory is left alone after all of it was looked through. Source: Envoy, `heap_shrinker.cc`. */
const SHRINK_INTERVAL_MS = 10_000;

const PREFIX = 'envoy.overload_actions.';

const SCALED = new Map<TimerType, ScaledTimer>([
  [TimerType.HTTP_DOWNSTREAM_CONNECTION_IDLE, 'connection-idle'],
  [TimerType.HTTP_DOWNSTREAM_STREAM_IDLE, 'stream-idle'],
]);

function shrinkHeap(stats: StatsScope): Act {
  const shrinks = stats.counter('shrink_count');
  let lastMs = -Infinity;
  return (share, nowMs) => {
    if (share < 1 || nowMs - lastMs < SHRINK_INTERVAL_MS) return;
    lastMs = nowMs;
    shrinks.value++;
    collectGarbage();
  };
}

function readScale({ timer, overloadAdjust }: ScaleTimer, path: string): readonly [ScaledTimer, ScaledTimeout] {
  const kind = SCALED.get(timer);
  if (kind === undefined)
    throw new ConfigError(`${path}.timer`, `${timer} is not supported by Tulle; those of idle connections and streams are`);
  if (overloadAdjust.case === undefined) throw new ConfigError(path, 'has neither min_timeout nor min_scale');
  if (overloadAdjust.case === 'minTimeout') {
    const leastMs = durationMs(overloadAdjust.value, 0);
    return [kind, new ScaledTimeout(() => leastMs)];
  }
  const scale = overloadAdjust.value.value / 100;
  return [kind, new ScaledTimeout((ms) => ms * scale)];
}

function reduceTimeouts(any: Any | undefined, path: string, overload: Overload): Act {
  const { timerScaleFactors } = decodeTyped(any, ScaleTimersOverloadActionConfigSchema, path);
  for (const [i, factor] of timerScaleFactors.entries()) {
    const [kind, timeout] = readScale(factor, `${path}.timer_scale_factors[${i}]`);
    overload.timeouts.set(kind, timeout);
  }
  return (share) => {
    for (const timeout of overload.timeouts.values()) timeout.share = share;
  };
}

/** Prepares an action. `path` is its `typed_config`'s; `stats` are the action's own. Throws ConfigError for one that Tulle does not have. */
export function createAction(name: string, any: Any | undefined, path: string, overload: Overload, stats: StatsScope): Act {
  switch (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '') {
    case 'stop_accepting_requests':
      return (share) => (overload.refusedShare = share);
    case 'disable_http_keepalive':
      return (share) => (overload.closingShare = share);
    case 'reject_incoming_connections':
      return (share) => (overload.rejectedShare = share);
    case 'stop_accepting_connections':
      prepareDescriptors();
      return (share) => (overload.isAccepting = share < 1);
    case 'shrink_heap':
      return shrinkHeap(stats);
    case 'reduce_timeouts':
      return reduceTimeouts(any, path, overload);
    default:
      throw new ConfigError(path.replace(/\.typed_config$/, '.name'), `${name} is not supported by Tulle`);
  }
}

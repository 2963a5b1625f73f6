/**
 * Values of the configuration that a key of the runtime has a say in, also after it was parsed. A thread has one proxy and
 * so one runtime: who parses need not be told whose. Source: Envoy, "Runtime", and Snapshot::featureEnabled.
 */
import type { JsonValue } from '@bufbuild/protobuf';
import type {
  RuntimeDouble,
  RuntimeFeatureFlag,
  RuntimeFractionalPercent,
  RuntimeUInt32,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { FractionalPercent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { knownPartsOf, partsOf } from './fraction.ts';

/** A value that may be another one each time. */
export interface Live<Value> {
  readonly value: Value;
}

type Values = Readonly<Record<string, JsonValue>>;

let values: Values = {};
/** Another number whenever the runtime has changed. */
let version = 0;

/** From now on keys are looked up here. Nested ones have dots between. To be called again whenever they have changed. */
export function setRuntimeValues(given: Values): void {
  values = given;
  version++;
}

/** What `read` makes of the runtime, read again only where that has changed: for what every request asks. */
export class Followed<Value> {
  readonly #read: () => Value;
  #version = version;
  #value: Value;

  constructor(read: () => Value) {
    this.#read = read;
    this.#value = read();
  }

  get value(): Value {
    if (this.#version !== version) {
      this.#value = this.#read();
      this.#version = version;
    }
    return this.#value;
  }
}

/** Shares in [0, 1] of all keys that begin with `prefix`, by what follows it. */
export function runtimeShares(prefix: string): Followed<ReadonlyMap<string, number>> {
  return new Followed(() => {
    const keys = Object.keys(values).filter((key) => key.startsWith(prefix));
    return new Map(keys.map((key) => [key.slice(prefix.length), runtimeShare(key) ?? 0]));
  });
}

/** What `read` makes of the runtime as it is now; without a key always `fallback`. */
function live<Value>(key: string, fallback: Value, read: (key: string) => Value | undefined): Live<Value> {
  if (key === '') return { value: fallback };
  return new Followed(() => read(key) ?? fallback);
}

/** A key's number; undefined where it has none. */
function runtimeNumber(key: string): number | undefined {
  const given = values[key];
  const number = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** The same for a number that counts something: a whole one, and not negative. */
export function runtimeCount(key: string): number | undefined {
  const number = runtimeNumber(key);
  return number !== undefined && number >= 0 ? Math.floor(number) : undefined;
}

function runtimeBoolean(key: string): boolean | undefined {
  const given = values[key];
  if (typeof given === 'boolean') return given;
  return given === 'true' ? true : given === 'false' ? false : undefined;
}

function shareOf(fraction: FractionalPercent): number {
  return Math.min(1, fraction.numerator / partsOf(fraction));
}

/** A key's share in [0, 1]: a number of percent, or numerator and denominator; undefined where it has none. */
export function runtimeShare(key: string): number | undefined {
  const percent = runtimeCount(key);
  if (percent !== undefined) return Math.min(1, percent / 100);
  const numerator = runtimeCount(`${key}.numerator`);
  if (numerator === undefined) return undefined;
  return Math.min(1, numerator / (knownPartsOf(values[`${key}.denominator`]) ?? 100));
}

/** A share in [0, 1]; `fallback` where nothing is set. */
export function liveShare(fraction: RuntimeFractionalPercent | undefined, fallback: number): Live<number> {
  const percent = fraction?.defaultValue;
  return live(fraction?.runtimeKey ?? '', percent === undefined ? fallback : shareOf(percent), runtimeShare);
}

export function liveFlag(flag: RuntimeFeatureFlag | undefined, fallback: boolean): Live<boolean> {
  return live(flag?.runtimeKey ?? '', flag?.defaultValue ?? fallback, runtimeBoolean);
}

export function liveCount(count: Pick<RuntimeUInt32, 'defaultValue' | 'runtimeKey'> | undefined, fallback: number): Live<number> {
  return live(count?.runtimeKey ?? '', count?.defaultValue ?? fallback, runtimeCount);
}

/** What of a RuntimeDouble counts. */
export type LiveDouble = Pick<RuntimeDouble, 'defaultValue' | 'runtimeKey'>;

export function liveDouble(double: LiveDouble | undefined, fallback: number): Live<number> {
  return live(double?.runtimeKey ?? '', double?.defaultValue ?? fallback, runtimeNumber);
}

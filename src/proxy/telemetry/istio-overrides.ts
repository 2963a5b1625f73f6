/** What a configuration changes of Istio's metrics: labels left out, added or replaced by expressions, metrics dropped. */
import { UNKNOWN } from '../../core/label-words.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { textOf } from './byte-text.ts';
import type { AttributeScope } from './cel/attributes.ts';
import { compileExpression, type Expression } from './cel/expression.ts';
import type { IstioStatsConfig, MetricName, MetricOverride } from './istio-config.ts';
import type { Labels } from './stats.ts';

/** What the expressions of all overrides came to for one stream. */
export type Values = readonly string[];

export interface Overrides {
  /** Empty where nothing depends on single streams. */
  evaluate(info: StreamInfo): Values;
  /** The labels of a metric; undefined where it is not counted. */
  labels(metric: MetricName, labels: Labels, values: Values): Labels | undefined;
}

const NONE: Values = [];
const HOLDS = 'true';

const BEYOND_BYTES = /[^\0-\u{ff}]/u;

/** Label of a value; what is no plain value is not known. Fields of heads come as bytes, and Prometheus reads UTF-8. */
function labelOf(value: unknown): string {
  if (typeof value === 'string') return BEYOND_BYTES.test(value) ? value : textOf(value);
  return typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : UNKNOWN;
}

/** An override with the places of its values. */
interface Prepared {
  readonly override: MetricOverride;
  /** -1: it always holds. */
  readonly matchAt: number;
  readonly dimensions: readonly { readonly label: string; readonly at: number }[];
}

function apply(labels: Labels, { override, dimensions }: Prepared, values: Values): Labels {
  const changed: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) if (!override.removedLabels.has(name)) changed[name] = value;
  for (const { label, at } of dimensions) changed[label] = values[at] ?? UNKNOWN;
  return changed;
}

/** Prepares overrides in their order: later ones see what earlier ones have made. */
export function createOverrides({ overrides }: IstioStatsConfig, scope: Omit<AttributeScope, 'duration'>): Overrides {
  const expressions: Expression[] = [];
  const place = (text: string, path: string): number => expressions.push(compileExpression(text, path, scope)) - 1;
  const prepared = overrides.map((override) => ({
    override,
    matchAt: override.match === '' ? -1 : place(override.match, override.path),
    dimensions: override.dimensions.map(([label, text]) => ({ label, at: place(text, override.path) })),
  }));
  return {
    evaluate: expressions.length === 0 ? () => NONE : (info) => expressions.map((evaluate) => labelOf(evaluate(info))),
    labels(metric, labels, values) {
      let own = labels;
      for (const each of prepared) {
        if (!each.override.metrics.includes(metric)) continue;
        if (each.matchAt >= 0 && values[each.matchAt] !== HOLDS) continue;
        if (each.override.isDropped) return undefined;
        own = apply(own, each, values);
      }
      return own;
    },
  };
}

/** Label sets kept for one edge by what expressions came to; beyond it they are looked up anew. */
const MAX_KEPT = 1000;

/** What is kept under a key, or made. */
export function keptIn<Key, Series>(map: Map<Key, Series>, key: Key, make: () => Series): Series {
  const known = map.get(key);
  if (known !== undefined) return known;
  if (map.size >= MAX_KEPT) map.clear();
  const made = make();
  map.set(key, made);
  return made;
}

import { quantileOf } from '../../../core/quantile.ts';
import type { Histogram } from '../../telemetry/stats.ts';
import { CONTENT_TYPES, formatFor, formatLabels, renderMetrics } from '../../telemetry/prometheus.ts';
import { isUsed, type Stat, type StatsReader } from '../../telemetry/registry.ts';
import { type AdminAnswer, type AdminEndpoint, json, regexParameter, text } from '../endpoint.ts';

const QUANTILES = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100] as const;

/** A quantile (0 to 100); NaN without observations. */
function quantile({ bounds, counts }: Histogram, percent: number): number {
  return quantileOf(bounds, counts, percent / 100) ?? Number.NaN;
}

function nameOf(stat: Stat): string {
  return stat.labels === undefined ? stat.name : `${stat.name}${formatLabels(stat.labels)}`;
}

function histogramText(histogram: Histogram): string {
  if (histogram.count === 0) return 'No recorded values';
  return QUANTILES.map((percent) => `P${percent}(nan,${Number(quantile(histogram, percent).toFixed(3))})`).join(' ');
}

function lineOf(stat: Stat): string {
  const { value } = stat;
  if (value.kind === 'histogram') return `${nameOf(stat)}: ${histogramText(value.histogram)}\n`;
  return `${nameOf(stat)}: ${value.kind === 'counter' ? value.counter.value : value.gauge.value}\n`;
}

function histogramJson(name: string, histogram: Histogram): object {
  return { name, values: QUANTILES.map((percent) => ({ interval: null, cumulative: quantile(histogram, percent) })) };
}

function statsJson(stats: readonly Stat[]): object {
  const scalars: object[] = [];
  const computed: object[] = [];
  for (const stat of stats) {
    const { value } = stat;
    if (value.kind === 'histogram') computed.push(histogramJson(nameOf(stat), value.histogram));
    else scalars.push({ name: nameOf(stat), value: value.kind === 'counter' ? value.counter.value : value.gauge.value });
  }
  const histograms = { histograms: { supported_quantiles: QUANTILES, computed_quantiles: computed } };
  return { stats: computed.length === 0 ? scalars : [...scalars, histograms] };
}

/** Scalars first, then histograms, each by name, as Envoy prints them. */
function sorted(registry: StatsReader, keep: (stat: Stat) => boolean): readonly Stat[] {
  const all: Stat[] = [];
  registry.forEach((stat) => {
    if (keep(stat)) all.push(stat);
  });
  const key = (stat: Stat): string => `${stat.value.kind === 'histogram' ? '1' : '0'}${nameOf(stat)}`;
  return all
    .map((stat) => ({ stat, key: key(stat) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ stat }) => stat);
}

function prometheusAnswer(registry: StatsReader, accept: string, keep: (stat: Stat) => boolean): AdminAnswer {
  const format = formatFor(accept);
  return { status: 200, type: CONTENT_TYPES[format], body: renderMetrics(registry, format, keep) };
}

function answer(query: URLSearchParams, registry: StatsReader, format: string, accept: string): AdminAnswer {
  const filter = regexParameter(query, 'filter');
  if (filter !== undefined && !(filter instanceof RegExp)) return filter;
  const isUsedOnly = query.has('usedonly');
  const keep = (stat: Stat): boolean => (!isUsedOnly || isUsed(stat)) && (filter === undefined || filter.test(nameOf(stat)));
  if (format === 'prometheus') return prometheusAnswer(registry, accept, keep);
  if (format === 'json') return json(statsJson(sorted(registry, keep)));
  if (format !== 'text') return text(`format ${format} is not one of text, json, prometheus\n`, 400);
  return text(sorted(registry, keep).map(lineOf).join(''));
}

/** `/stats`: every statistic; `?filter=` a regular expression of names, `?usedonly`, `?format=text|json|prometheus`. */
export const stats: AdminEndpoint = {
  path: '/stats',
  method: 'GET',
  help: 'print server stats (?filter, ?usedonly, ?format=text|json|prometheus)',
  handle: (query, proxy, accept) => answer(query, proxy.stats, query.get('format') ?? 'text', accept),
};

/** `/stats/prometheus`: the same in Prometheus' text format, or as OpenMetrics where that is accepted. */
export const prometheusStats: AdminEndpoint = {
  path: '/stats/prometheus',
  method: 'GET',
  help: 'print server stats in prometheus format (?filter, ?usedonly)',
  handle: (query, proxy, accept) => answer(query, proxy.stats, 'prometheus', accept),
};

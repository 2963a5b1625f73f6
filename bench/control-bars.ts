/** Bars of the control plane's figures, and how they stand beside istiod's. */
import type { PlaneFigures } from './control-measure.ts';
import { printColumns } from './report.ts';

/** What was measured of a control plane; its name says where its clients ask on demand. */
export interface Row {
  readonly plane: string;
  readonly services: number;
  readonly proxies: number;
  readonly figures: PlaneFigures;
}

/** Bars for 1,000 services and 1,000 proxies. */
const BARS: readonly (readonly [what: string, figure: keyof PlaneFigures, most: number | undefined])[] = [
  ['cold start to all in sync, s', 'syncSeconds', 10],
  ['resident memory then, MiB', 'rssMiB', 1024],
  ['one endpoint: p99 after the debounce, ms', 'endpointP99Ms', 250],
  ['one endpoint: CPU, ms', 'endpointCpuMs', 100],
  ["routes of one namespace's own: p99 after the debounce, ms", 'routesP99Ms', 250],
  ['the same: CPU, ms', 'routesCpuMs', undefined],
  ["everybody's routes: p99 after the debounce, ms", 'allRoutesP99Ms', 250],
  ['the same: CPU, ms', 'allRoutesCpuMs', undefined],
];

/** Prints each figure of the largest mesh with its bar: of clients that ask for everything, beside istiod's, and of those on demand. */
export function judge(rows: readonly Row[]): void {
  const last = rows.at(-1);
  if (last === undefined) return;
  const figuresOf = (name: string): PlaneFigures | undefined =>
    rows.findLast(({ plane, services }) => plane === name && services === last.services)?.figures;
  const [whole, onDemand, istiod] = [figuresOf('tulle'), figuresOf('tulle, on demand'), figuresOf('istiod')];
  const isFull = last.services === 1000 && last.proxies === 1000;
  const lines = BARS.map(([what, figure, most]) => {
    const verdict = (figures: PlaneFigures | undefined): string => {
      if (figures === undefined || most === undefined || !isFull) return '';
      return figures[figure] <= most ? 'reached' : 'MISSED';
    };
    const ratio = whole === undefined || istiod === undefined ? '' : (whole[figure] / istiod[figure]).toFixed(2);
    const said = [whole, onDemand].flatMap((figures) => [figures?.[figure].toFixed(1) ?? '', verdict(figures)]);
    return [what, most === undefined ? '' : String(most), ...said, istiod?.[figure].toFixed(1) ?? '', ratio];
  });
  console.log(`\n${last.services} services, ${last.proxies} proxies`);
  printColumns([['what', 'bar', 'asked for all', '', 'on demand', '', 'istiod', 'ratio'], ...lines], 1);
}

/** Dashboards of Grafana as values, and their JSON. Source: Grafana, "Dashboard JSON model" (schema version 41, Grafana 12). */

/** Grafana's names of units. */
type Unit = 'reqps' | 'percentunit' | 'ms' | 's' | 'bytes' | 'Bps' | 'short' | 'cps' | 'dateTimeFromNow';

interface Query {
  readonly expr: string;
  /** Legend, with labels as `{{label}}`. */
  readonly legend: string;
  /** True where a healthy mesh has nothing to show. */
  readonly mayBeEmpty?: true;
}

interface Panel {
  readonly title: string;
  /** What it says, for the panel's help. */
  readonly help?: string;
  readonly kind: 'timeseries' | 'stat' | 'table';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Of 24 columns. */
  readonly width: number;
  /** From this value on it is drawn in red. */
  readonly alarmFrom?: number;
}

/** Lines over time in half of the width, which most panels are. */
export const HALF = { kind: 'timeseries', width: 12 } as const;

/** A choice at the top of a dashboard. */
interface Variable {
  readonly name: string;
  readonly label: string;
  /** Series whose label `choice` has the choices. */
  readonly expr: string;
  readonly choice: string;
  readonly isMulti: boolean;
}

/** Whoever calls or is called over HTTP or TCP. */
const TRAFFIC = '{__name__=~"istio_requests_total|istio_tcp_connections_opened_total"';

/** Traffic that `more`, matchers, select. */
export function traffic(...more: readonly string[]): string {
  return `${[TRAFFIC, ...more].join(', ')}}`;
}

/**
 * What stands in the labels `source_<label>` and `destination_<label>` of traffic, as one label: who only calls and who is
 * only called, both. `more` gives the matchers for either end.
 */
export function ofEitherEnd(label: string, more: (end: 'source' | 'destination') => readonly string[] = () => []): string {
  const ends = (['source', 'destination'] as const).map(
    (end) => `label_replace(${traffic(...more(end))}, "${label}", "$1", "${end}_${label}", "(.+)")`,
  );
  return `group by (${label}) (${ends.join(' or ')})`;
}

export interface Dashboard {
  /** Also the file's name. */
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

const SCHEMA_VERSION = 41;
const COLUMNS = 24;
/** Queries of a panel are named A, B and so on. */
const FIRST_REF = 65;
const HEIGHTS = { timeseries: 8, stat: 4, table: 10 } as const;
const SOURCE = { type: 'prometheus', uid: '${datasource}' };

/** The rate of a counter by labels: what every dashboard is made of. */
export function rate(metric: string, matchers: string, by: readonly string[]): string {
  return `sum by (${by.join(', ')}) (rate(${metric}{${matchers}}[$__rate_interval]))`;
}

/** A quantile of a histogram by labels. */
export function quantile(q: number, metric: string, matchers: string, by: readonly string[] = []): string {
  return `histogram_quantile(${q}, ${rate(`${metric}_bucket`, matchers, ['le', ...by])})`;
}

/** The three quantiles that everybody asks for. */
function quantiles(metric: string, matchers: string): Query[] {
  return [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, metric, matchers), legend: `p${q * 100}` }));
}

const DURATION = 'istio_request_duration_milliseconds';

/** Requests a second, a line for each value of the labels `by`. */
export function requestsBy(title: string, matchers: string, by: readonly string[], help?: string): Panel {
  const queries = [{ expr: rate('istio_requests_total', matchers, by), legend: by.map((label) => `{{${label}}}`).join(' ') }];
  return { title, ...(help !== undefined && { help }), ...HALF, unit: 'reqps', queries };
}

/** The slowest of twenty requests, a line for each value of the label `by`; of `metric`, a histogram. */
export function p95By(title: string, matchers: string, by: string, metric = DURATION): Panel {
  return { title, ...HALF, unit: 'ms', queries: [{ expr: quantile(0.95, metric, matchers, [by]), legend: `{{${by}}}` }] };
}

/** How long requests take. */
export function latency(matchers: string): Panel {
  return { title: 'Latency', ...HALF, unit: 'ms', queries: quantiles(DURATION, matchers) };
}

function targetOf({ expr, legend }: Query, index: number, isTable: boolean): object {
  return {
    datasource: SOURCE,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    refId: String.fromCodePoint(FIRST_REF + index),
    ...(isTable ? { format: 'table', instant: true, range: false } : { range: true, instant: false }),
  };
}

function optionsOf(kind: Panel['kind']): object {
  if (kind === 'stat')
    return {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'value',
      graphMode: 'area',
      textMode: 'auto',
    };
  if (kind === 'table') return { showHeader: true, cellHeight: 'sm' };
  return { legend: { displayMode: 'list', placement: 'bottom', showLegend: true }, tooltip: { mode: 'multi', sort: 'desc' } };
}

function thresholdsOf({ alarmFrom }: Panel): object {
  const steps = [{ color: 'green', value: null }, ...(alarmFrom === undefined ? [] : [{ color: 'red', value: alarmFrom }])];
  return { mode: 'absolute', steps };
}

function panelOf(panel: Panel, id: number, x: number, y: number): object {
  const { title, help, kind, unit, queries, width } = panel;
  return {
    id,
    type: kind,
    title,
    ...(help === undefined ? {} : { description: help }),
    datasource: SOURCE,
    gridPos: { x, y, w: width, h: HEIGHTS[kind] },
    targets: queries.map((query, i) => targetOf(query, i, kind === 'table')),
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: thresholdsOf(panel), color: { mode: kind === 'stat' ? 'thresholds' : 'palette-classic' } },
      overrides: [],
    },
    options: optionsOf(kind),
    // a table of several queries is one row for each set of labels
    ...(kind === 'table' && {
      transformations: [
        { id: 'merge', options: {} },
        { id: 'organize', options: { excludeByName: { Time: true } } },
      ],
    }),
  };
}

/** Panels one beside the other as long as there is room, rows with their titles above. */
function layout({ rows }: Dashboard): object[] {
  const panels: object[] = [];
  let [id, y] = [1, 0];
  for (const { title, panels: own } of rows) {
    panels.push({ id: id++, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] });
    y++;
    let [x, lineHeight] = [0, 0];
    for (const panel of own) {
      if (x + panel.width > COLUMNS) {
        y += lineHeight;
        [x, lineHeight] = [0, 0];
      }
      panels.push(panelOf(panel, id++, x, y));
      x += panel.width;
      lineHeight = Math.max(lineHeight, HEIGHTS[panel.kind]);
    }
    y += lineHeight;
  }
  return panels;
}

function variableOf({ name, label, expr, choice, isMulti }: Variable): object {
  const query = `query_result(${expr})`;
  return {
    name,
    label,
    type: 'query',
    datasource: SOURCE,
    definition: query,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    // nobody in particular is no choice
    regex: `/${choice}="(?!unknown"|overflow")([^"]+)"/`,
    multi: isMulti,
    includeAll: isMulti,
    ...(isMulti && { allValue: '.*', current: { selected: true, text: ['All'], value: ['$__all'] } }),
  };
}

const DATASOURCE = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0 };

/** From each dashboard to the others. */
const LINKS = {
  title: 'Tulle',
  type: 'dashboards',
  tags: ['tulle'],
  icon: 'external link',
  tooltip: '',
  url: '',
  asDropdown: true,
  targetBlank: false,
  keepTime: true,
  includeVars: true,
};

/** A dashboard as Grafana imports it, or finds it in a provisioned folder. */
export function dashboardJson(dashboard: Dashboard): object {
  const { uid, title, about, variables } = dashboard;
  return {
    uid,
    title,
    description: about,
    tags: ['tulle'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    timezone: 'browser',
    time: { from: 'now-30m', to: 'now' },
    timepicker: {},
    annotations: { list: [] },
    links: [LINKS],
    templating: { list: [DATASOURCE, ...variables.map(variableOf)] },
    panels: layout(dashboard),
  };
}

/** Lines over time (uPlot); charts of one page share their cursor. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { clockText } from '../model/format.ts';
import { isDark } from '../state/theme.ts';

interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A custom property of the style sheet, e.g. `--ok`. */
  readonly colour: string;
  readonly isFilled?: boolean;
}

interface Props {
  readonly title: string;
  /** Seconds since 1970, one a value. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** The axis goes up to this at least. */
  readonly least: number;
}

const HEIGHT = 150;
const AXIS_FONT = '11px system-ui, sans-serif';

/** A custom property as a colour that a canvas understands. */
function resolved(property: string, element: HTMLElement): string {
  const before = element.style.color;
  element.style.color = `var(${property})`;
  const { color } = getComputedStyle(element);
  element.style.color = before;
  return color;
}

const MINUTE = 60;

/** A time on the axis, in seconds since 1970: with its seconds where lines are less than a minute apart. */
function timeText(at: number, increment: number): string {
  return clockText(at * 1000).slice(0, increment < MINUTE ? 'HH:MM:SS'.length : 'HH:MM'.length);
}

function translucent(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)');
}

/** Where no pointer is, the legend tells the newest values. */
function showNewest(chart: uPlot): void {
  const last = chart.data[0].length - 1;
  if ((chart.cursor.idx ?? null) === null && chart.legend.idx !== last) chart.setLegend({ idx: last }, false);
}

function optionsOf({ lines, format, least }: Props, element: HTMLElement, width: number): uPlot.Options {
  const [muted, grid] = [resolved('--muted', element), resolved('--line', element)];
  const axis = { stroke: muted, font: AXIS_FONT, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    cursor: { sync: { key: 'time' }, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { live: true, markers: { width: 0, fill: (_, index) => resolved(lines[index - 1]?.colour ?? '--muted', element) } },
    hooks: { ready: [showNewest], setData: [showNewest], setCursor: [showNewest] },
    scales: { y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.08)] } },
    axes: [
      { ...axis, space: 70, size: 26, values: (_, splits, __, ___, increment) => splits.map((at) => timeText(at, increment)) },
      { ...axis, size: 58, space: 34, values: (_, values) => values.map((value) => (value === 0 ? '0' : format(value))) },
    ],
    series: [
      { label: 'time', value: '{HH}:{mm}:{ss}' },
      ...lines.map(({ label, colour, isFilled }): uPlot.Series => {
        const stroke = resolved(colour, element);
        return {
          label,
          stroke,
          width: 1.5,
          points: { show: false },
          value: (_, value) => (value === null ? '–' : format(value)),
          ...(isFilled === true ? { fill: translucent(stroke) } : {}),
        };
      }),
    ],
  };
}

function dataOf({ times, lines }: Props): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

/** The newest value of a line that has one, for who cannot see the chart. */
function summaryOf({ title, lines, format }: Props): string {
  const parts = lines.map(({ label, values }) => {
    const last = values.findLast((value) => value !== null);
    return `${label} ${last === undefined || last === null ? 'unknown' : format(last)}`;
  });
  return `${title}, newest: ${parts.join(', ')}`;
}

export function LineChart(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const shape = `${props.lines.map(({ label, colour }) => label + colour).join()} ${props.least} ${isDark()}`;
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const chart = new uPlot(optionsOf(props, element, element.clientWidth), dataOf(props), element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.times, props.lines]);
  return (
    <figure class="chart" role="img" aria-label={summaryOf(props)}>
      <figcaption>{props.title}</figcaption>
      <div ref={host} />
    </figure>
  );
}

/** Counters, gauges and histograms, and their text for Prometheus (text format 0.0.4). */

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Lines without the family's name: suffix, labels, value. */
  readonly rows: () => Iterable<readonly [suffix: string, labels: string, value: number]>;
}

/** Counts up, by labels. */
export interface Counter {
  add(labels?: Labels, by?: number): void;
}

/** Takes values into its buckets. */
export interface Histogram {
  observe(value: number): void;
}

const NO_LABELS: Labels = {};
const texts = new WeakMap<Labels, string>();

/** The text of labels that are counted again and again. */
function keptText(labels: Labels): string {
  const known = texts.get(labels) ?? labelText(labels);
  texts.set(labels, known);
  return known;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(
    ([key, value]) => `${key}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`,
  );
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** Reads one value, or one for each row of labels. */
type Read = () => number | readonly (readonly [Labels, number])[];

function rowsOf(value: ReturnType<Read>): [suffix: string, labels: string, value: number][] {
  return typeof value === 'number' ? [['', '', value]] : value.map(([labels, each]) => ['', labelText(labels), each]);
}

/** All metrics of one process. */
export class Metrics {
  readonly #families: Family[] = [];

  /**
   * `from` are labels that there is a line of from the start on, at 0. What happens once an hour needs it: where its line
   * comes with the first of them, Prometheus sees nothing grow.
   */
  counter(name: string, help: string, from: readonly Labels[] = []): Counter {
    const values = new Map(from.map((labels) => [labelText(labels), 0]));
    const rows = (): [string, string, number][] => [...values].map(([labels, value]) => ['', labels, value]);
    this.#families.push({ name, help, type: 'counter', rows });
    return {
      add(labels = NO_LABELS, by = 1) {
        const key = keptText(labels);
        values.set(key, (values.get(key) ?? 0) + by);
      },
    };
  }

  /** A gauge that is read when somebody asks: one value, or one for each row of labels. */
  gauge(name: string, help: string, read: Read): void {
    this.#families.push({ name, help, type: 'gauge', rows: () => rowsOf(read()) });
  }

  /** A counter that is read when somebody asks: one value, or one for each row of labels. */
  total(name: string, help: string, read: Read): void {
    this.#families.push({ name, help, type: 'counter', rows: () => rowsOf(read()) });
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const buckets = bounds.map(() => 0);
    let count = 0;
    let sum = 0;
    const rows = (): [string, string, number][] => [
      ...bounds.map((bound, i): [string, string, number] => ['_bucket', `{le="${bound}"}`, buckets[i] ?? 0]),
      ['_bucket', '{le="+Inf"}', count],
      ['_sum', '', sum],
      ['_count', '', count],
    ];
    this.#families.push({ name, help, type: 'histogram', rows });
    return {
      observe(value) {
        count += 1;
        sum += value;
        for (const [i, bound] of bounds.entries()) if (value <= bound) buckets[i] = (buckets[i] ?? 0) + 1;
      },
    };
  }

  text(): string {
    const blocks = this.#families.map(({ name, help, type, rows }) => {
      const lines = [...rows()].map(([suffix, labels, value]) => `${name}${suffix}${labels} ${value}\n`);
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    });
    return blocks.join('');
  }
}

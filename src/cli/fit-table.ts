/** Tables that fit a terminal: numbers to the right, long names cut in their middle, what matters least left out. */
import { padText, textWidth, textWithin } from './text-width.ts';

/** What a cell's colour says; none for `plain`. */
export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'dim';

export interface FitColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
  readonly tone?: (row: Row) => Tone;
  /** Columns with the highest number (1 and more) go first where there is no room; absent: it stays, and is made narrower. */
  readonly dropAt?: number;
  /** A text whose beginning says most is cut at its end. */
  readonly cutAt?: 'end';
}

const GAP = '  ';
/** Narrower than this no column is made. */
const MIN_WIDTH = 12;
/** From this number on a column goes before a name is cut. */
const DETAIL = 5;

const CODES: Readonly<Record<Tone, string>> = { plain: '', good: '32', warn: '33', bad: '31', dim: '2' };

export function paint(text: string, tone: Tone, hasColours: boolean): string {
  return !hasColours || CODES[tone] === '' ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;
}

/** Cuts the middle out of what is too long: of names both ends tell. `at` says where else. */
export function cut(text: string, width: number, at?: 'end'): string {
  if (textWidth(text) <= width) return text;
  if (at === 'end') return `${textWithin(text, width - 1)}…`;
  const head = Math.ceil((width - 1) / 2);
  return `${textWithin(text, head)}…${textWithin(text, width - 1 - head, 'end')}`;
}

function widthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}

/** Takes away columns, details before names are cut and others where cutting them does not help, until the table fits. */
function dropped<Row>(columns: readonly FitColumn<Row>[], widths: readonly number[], width: number): FitColumn<Row>[] {
  const kept = columns.map((column, i) => ({ column, width: widths[i] ?? 0 }));
  const dropWhile = (isTooWide: () => boolean, least: number): void => {
    while (isTooWide()) {
      const last = kept.reduce((best, { column }, i) => ((column.dropAt ?? 0) > (kept[best]?.column.dropAt ?? 0) ? i : best), 0);
      if ((kept[last]?.column.dropAt ?? 0) < least) return;
      kept.splice(last, 1);
    }
  };
  dropWhile(() => widthOf(kept.map((each) => each.width)) > width, DETAIL);
  const cutWidth = (each: { readonly column: FitColumn<Row>; readonly width: number }): number =>
    each.column.dropAt === undefined ? Math.min(each.width, MIN_WIDTH) : each.width;
  dropWhile(() => widthOf(kept.map(cutWidth)) > width, 1);
  return kept.map(({ column }) => column);
}

/** Makes the widest column that may be cut narrower until all of them fit. */
function narrowed<Row>(columns: readonly FitColumn<Row>[], widths: readonly number[], width: number): number[] {
  const fitted = [...widths];
  for (let over = widthOf(fitted) - width; over > 0; over--) {
    let widest = -1;
    for (const [i, column] of columns.entries()) {
      const own = fitted[i] ?? 0;
      if (column.dropAt === undefined && own > MIN_WIDTH && own > (fitted[widest] ?? 0)) widest = i;
    }
    if (widest === -1) break;
    fitted[widest] = (fitted[widest] ?? 0) - 1;
  }
  return fitted;
}

/** The lines of a table, title first, at most `width` columns of the terminal each. */
export function fitTable<Row>(rows: readonly Row[], columns: readonly FitColumn<Row>[], width: number, hasColours: boolean): string[] {
  const wants = (column: FitColumn<Row>): number => Math.max(column.title.length, ...rows.map((row) => textWidth(column.cell(row))));
  const kept = dropped(columns, columns.map(wants), width);
  const widths = narrowed(kept, kept.map(wants), width);
  const line = (text: (column: FitColumn<Row>) => readonly [string, Tone]): string =>
    kept
      .map((column, i) => {
        const [content, tone] = text(column);
        const own = widths[i] ?? 0;
        const fitting = cut(content, own, column.cutAt);
        const padded = column.align === 'right' ? padText(fitting, own, 'right') : i === kept.length - 1 ? fitting : padText(fitting, own);
        return paint(padded, tone, hasColours);
      })
      .join(GAP)
      .trimEnd();
  return [line(({ title }) => [title, 'dim']), ...rows.map((row) => line((column) => [column.cell(row), column.tone?.(row) ?? 'plain']))];
}

/** A table whose rows come one after the other: the terminal's width is shared out beforehand. */
import type { Flow } from '../../model/flow.ts';
import { cut, paint } from '../fit-table.ts';
import { padText } from '../text-width.ts';
import type { FlowColumn } from './columns.ts';

const GAP = '  ';

/** Characters that a column which grows has more where nothing is cut: its cells stand below each other as long as they fit. */
const ROOM = 12;

/** The columns that fit, and how wide each is. */
function widthsOf(columns: readonly FlowColumn[], width: number): (readonly [FlowColumn, number])[] {
  if (!Number.isFinite(width)) return columns.map((column) => [column, column.live.width + ROOM * (column.live.grows ?? 0)]);
  const kept = [...columns];
  const least = (): number => kept.reduce((sum, { live }) => sum + live.width, 0) + GAP.length * (kept.length - 1);
  while (least() > width) {
    const last = kept.reduce((best, { dropAt = 0 }, i) => (dropAt > (kept[best]?.dropAt ?? 0) ? i : best), 0);
    if (kept[last]?.dropAt === undefined) break;
    kept.splice(last, 1);
  }
  const shares = kept.reduce((sum, { live }) => sum + (live.grows ?? 0), 0);
  const spare = Math.max(0, width - least());
  return kept.map((column) => [column, column.live.width + Math.floor((spare * (column.live.grows ?? 0)) / Math.max(1, shares))]);
}

export interface LiveLines {
  readonly title: string;
  line(flow: Flow): string;
}

/** Prepares lines of at most `width` characters. */
export function createLiveLines(columns: readonly FlowColumn[], width: number, hasColours: boolean): LiveLines {
  const fitted = widthsOf(columns, width);
  const row = (text: (column: FlowColumn) => string, tone: (column: FlowColumn) => Parameters<typeof paint>[1]): string =>
    fitted
      .map(([column, own], i) => {
        const content = Number.isFinite(width) ? cut(text(column), own, column.cutAt) : text(column);
        const padded =
          column.align === 'right' ? padText(content, own, 'right') : i === fitted.length - 1 ? content : padText(content, own);
        return paint(padded, tone(column), hasColours);
      })
      .join(GAP);
  return {
    title: row(
      ({ title }) => title,
      () => 'dim',
    ),
    line: (flow) =>
      row(
        ({ cell }) => cell(flow),
        ({ tone }) => tone?.(flow) ?? 'plain',
      ),
  };
}

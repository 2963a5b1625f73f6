/** Lists for people and for programs. */
import { stringify } from 'yaml';
import { type FitColumn, fitTable } from './fit-table.ts';
import type { JsonObject } from './json.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';

/** A column of a table of rows as the admin API has them. */
export type Column = FitColumn<JsonObject>;

/** Whether what goes to the terminal may have colours (https://no-color.org). */
export function hasColours(): boolean {
  return process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
}

/** Columns of the terminal; Infinity for a pipe or a file, which have room for everything. */
export function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** Columns that a paragraph takes at most, so that it can be read. */
export function paragraphWidth(): number {
  return Math.min(terminalWidth(), PARAGRAPH_COLUMNS);
}

const PARAGRAPH_COLUMNS = 100;

/** A value as JSON for people, too. Ends with a newline. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** A value whole: as JSON where that is asked for, else as YAML. Ends with a newline. */
export function valueText(value: unknown, format: OutputFormat): string {
  return format === 'json' ? jsonText(value) : stringify(value);
}

/**
 * The text of a list: `columns` are for tables, the other formats hold whole rows. A table takes at most `width` columns of
 * the terminal; without, all that it needs. Ends with a newline.
 */
export function formatRows(
  rows: readonly JsonObject[],
  columns: readonly Column[],
  format: OutputFormat,
  width = Number.POSITIVE_INFINITY,
  isColoured = false,
): string {
  if (format !== 'table') return valueText(rows, format);
  return rows.length === 0 ? 'none\n' : `${fitTable(rows, columns, width, isColoured).join('\n')}\n`;
}

/** How long ago, in the two largest units: `3d4h`, `5m`, `12s`. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  if (first === -1) return '0s';
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('');
}

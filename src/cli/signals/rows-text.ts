/** Rows of golden signals as text. */
import type { SignalRow } from '../../model/signals.ts';
import { type FitColumn, fitTable } from '../fit-table.ts';
import { hasColours, type OutputFormat, terminalWidth, valueText } from '../output.ts';
import { overflowNote } from './columns.ts';

/** Rows for people, with `notes` below them, or for programs. Ends without a newline. */
export function rowsText(
  rows: readonly SignalRow[],
  columns: readonly FitColumn<SignalRow>[],
  format: OutputFormat,
  notes: readonly string[] = [],
): string {
  if (format !== 'table') return valueText(rows, format).trimEnd();
  if (rows.length === 0) return 'no traffic in this window';
  const below = [...notes, overflowNote(rows)].filter((note) => note !== '');
  return [...fitTable(rows, columns, terminalWidth(), hasColours()), ...(below.length === 0 ? [] : ['', ...below])].join('\n');
}

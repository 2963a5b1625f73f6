/** One list of `tulle proxy-config`: its rows, its columns, and what it can be filtered by. */
import type { JsonObject } from '../json.ts';
import type { Column } from '../output.ts';
import type { Dumped, Kind } from './dump.ts';

/** What the command line asks for; each counts for the lists that have it. */
export interface Filters {
  readonly port?: number;
  readonly address?: string;
  readonly type?: string;
  readonly name?: string;
  readonly fqdn?: string;
  readonly subset?: string;
  readonly direction?: string;
  readonly cluster?: string;
  readonly status?: string;
}

export interface View {
  readonly kind: Kind;
  /** Filters that it knows. */
  readonly filters: readonly (keyof Filters)[];
  readonly columns: readonly Column[];
  /** Rows of one resource's that pass the filters; with `resource` the whole of it passes where one row does. */
  readonly rows: (resource: Dumped, filters: Filters) => readonly JsonObject[];
}

/** A column that shows a text of a row, `-` where it is empty. */
export function textColumn(title: string, key: string): Column {
  return { title, cell: (row) => (typeof row[key] === 'string' && row[key] !== '' ? row[key] : '-') };
}

/** What a table says of a resource that was refused, on one line. */
export function refusalText(error: string): string {
  return `refused: ${error.replaceAll(/\s+/g, ' ')}`;
}

/** True where nothing is asked for, or the same. */
export function isAsked<T>(asked: T | undefined, actual: T): boolean {
  return asked === undefined || asked === actual;
}

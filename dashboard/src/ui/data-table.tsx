/** A table that is sorted by a click on a column, which the URL remembers. */
import type { ComponentChildren } from 'preact';
import { compare } from '../model/filters.ts';
import { param, setParams } from '../state/router.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** What it is sorted by; absent: it is not. */
  readonly by?: (row: Row) => string | number;
  readonly isNumber?: boolean;
  readonly hint?: string;
  /** Left out where the window is narrow. */
  readonly isDetail?: boolean;
}

function classOf<Row>({ isNumber, isDetail }: Column<Row>): string {
  return [isNumber === true ? 'is-number' : '', isDetail === true ? 'is-detail' : ''].filter((name) => name !== '').join(' ');
}

export interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly empty: string;
  /** Several tables of a page sort by settings of their own. */
  readonly name?: string;
}

/** `rate` goes up, `-rate` down. */
function sortedBy<Row>(rows: readonly Row[], columns: readonly Column<Row>[], order: string): readonly Row[] {
  const isDown = order.startsWith('-');
  const by = columns.find(({ title }) => title === order.replace(/^-/, ''))?.by;
  if (by === undefined) return rows;
  return rows.toSorted((a, b) => (isDown ? -1 : 1) * compare(by(a), by(b)));
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly order: string;
  readonly setting: string;
}

function Head<Row>({ column, order, setting }: HeadProps<Row>) {
  const { title, by, isNumber, hint } = column;
  const isBy = order.replace(/^-/, '') === title;
  const direction = !isBy ? 'none' : order.startsWith('-') ? 'descending' : 'ascending';
  // figures are looked at from the top
  const first = isNumber === true ? `-${title}` : title;
  const next = !isBy ? first : order.startsWith('-') ? title : `-${title}`;
  return (
    <th scope="col" class={classOf(column)} aria-sort={by === undefined ? undefined : direction} title={hint}>
      {by === undefined ? (
        title
      ) : (
        <button type="button" onClick={() => setParams({ [setting]: next })}>
          {title}
          <span class="sort-mark" aria-hidden="true">
            {direction === 'none' ? '' : direction === 'ascending' ? '▲' : '▼'}
          </span>
        </button>
      )}
    </th>
  );
}

export function DataTable<Row>({ label, columns, rows, keyOf, empty, name = '' }: TableProps<Row>) {
  const setting = `sort${name}`;
  const order = param(setting);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="table-frame">
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.title} column={column} order={order} setting={setting} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sortedBy(rows, columns, order).map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A part of a page that is one table, with the count of its rows. */
import { DataTable, type TableProps } from './data-table.tsx';
import { Section } from './page.tsx';

export function TableSection<Row>({ title, ...table }: Omit<TableProps<Row>, 'label'> & { readonly title: string }) {
  return (
    <Section title={title} count={table.rows.length}>
      <DataTable label={title} {...table} />
    </Section>
  );
}

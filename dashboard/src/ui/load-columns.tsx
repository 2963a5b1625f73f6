/** Columns of golden signals, alike in all tables. */
import { bytesRateText, durationText, shareText } from '../model/format.ts';
import { BAD_RATIO, callsText, isBusy, isOpenToRead, type Load, mutualText, WARN_RATIO } from '../model/health.ts';
import type { Column } from './data-table.tsx';
import { Icon } from './icon.tsx';

function toneOf(key: 'failureRatio' | 'deniedRatio', share: number): string {
  return share >= BAD_RATIO && key === 'failureRatio' ? 'is-bad' : share >= WARN_RATIO ? 'is-warn' : share > 0 ? '' : 'is-quiet';
}

/** Whether traffic is over mTLS: all, some or none of it. */
export function MutualTls({ load }: { readonly load: Load }) {
  if (!isBusy(load)) return <span class="is-quiet">–</span>;
  if (load.mutualTlsRatio === undefined) return <span class="is-quiet">unknown</span>;
  const isAll = !isOpenToRead(load);
  const text = mutualText(load);
  return (
    <span class={isAll ? 'lock is-ok' : 'lock is-warn'} title={isAll ? 'all of it over mTLS' : 'not all of it over mTLS'}>
      <Icon name={isAll ? 'lock' : 'unlock'} />
      {text}
    </span>
  );
}

/** For rows of any kind that have a load. */
export function loadColumns<Row>(loadOf: (row: Row) => Load): readonly Column<Row>[] {
  const share = (title: string, key: 'failureRatio' | 'deniedRatio', hint: string): Column<Row> => ({
    title,
    hint,
    isNumber: true,
    by: (row) => loadOf(row)[key],
    cell: (row) =>
      isBusy(loadOf(row)) ? (
        <span class={toneOf(key, loadOf(row)[key])}>{shareText(loadOf(row)[key])}</span>
      ) : (
        <span class="is-quiet">–</span>
      ),
  });
  const latency = (title: string, key: 'p50Ms' | 'p95Ms' | 'p99Ms'): Column<Row> => ({
    title,
    isDetail: key !== 'p95Ms',
    isNumber: true,
    by: (row) => loadOf(row)[key] ?? -1,
    cell: (row) => <span class={loadOf(row)[key] === undefined ? 'is-quiet' : ''}>{durationText(loadOf(row)[key])}</span>,
  });
  return [
    {
      title: 'Requests',
      isNumber: true,
      hint: 'of TCP new connections',
      by: (row) => loadOf(row).requestsPerSecond + loadOf(row).connectionsPerSecond,
      cell: (row) => callsText(loadOf(row)),
    },
    share('Failed', 'failureRatio', 'status 5xx, gRPC statuses that are the server’s fault, or no answer'),
    share('Denied', 'deniedRatio', 'by a policy'),
    latency('p50', 'p50Ms'),
    latency('p95', 'p95Ms'),
    latency('p99', 'p99Ms'),
    {
      title: 'Traffic',
      isNumber: true,
      isDetail: true,
      by: (row) => loadOf(row).bytesPerSecond,
      cell: (row) => bytesRateText(loadOf(row).bytesPerSecond),
    },
    { title: 'mTLS', by: (row) => loadOf(row).mutualTlsRatio ?? -1, cell: (row) => <MutualTls load={loadOf(row)} /> },
  ];
}

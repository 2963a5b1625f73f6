/** Rate, failures and latency of one row over time, from the control plane's memory or from Prometheus. */
import { useMemo } from 'preact/hooks';
import { type SignalGrouping, type SignalKey, signalKeyText, type SignalSeries } from '../../../src/model/signals.ts';
import { bytesRateText, durationText, rateText, shareText } from '../model/format.ts';
import { useAbout } from '../state/mesh.ts';
import { usePoll } from '../state/poll.ts';
import { param, setParams } from '../state/router.ts';
import { Notice } from '../ui/notice.tsx';
import { Choice } from '../ui/choice.tsx';
import { LineChart } from './line-chart.tsx';

/** How much past is shown, and how fine; what is longer than the control plane remembers needs a Prometheus. */
const PASTS = [
  { label: '15m', step: '10s', needsPrometheus: false },
  { label: '1h', step: '30s', needsPrometheus: true },
  { label: '6h', step: '2m', needsPrometheus: true },
  { label: '24h', step: '10m', needsPrometheus: true },
  { label: '7d', step: '1h', needsPrometheus: true },
] as const;

const REFRESH_MS = 10_000;

interface Props {
  readonly by: SignalGrouping;
  readonly of: SignalKey;
  /** Few charts, without a choice of time. */
  readonly isBrief?: boolean;
}

function timesOf({ endMs, stepMs, requestsPerSecond: { length } }: SignalSeries): number[] {
  return Array.from({ length }, (_, index) => (endMs - (length - 1 - index) * stepMs) / 1000);
}

function Charts({ series, isBrief }: { readonly series: SignalSeries; readonly isBrief: boolean }) {
  const times = useMemo(() => timesOf(series), [series]);
  const lines = useMemo(
    () => ({
      connections: [{ label: 'new', values: series.connectionsPerSecond, colour: '--accent', isFilled: true }],
      requests: [{ label: 'requests', values: series.requestsPerSecond, colour: '--accent', isFilled: true }],
      trouble: [
        { label: 'failed', values: series.failureRatio, colour: '--bad', isFilled: true },
        { label: 'denied', values: series.deniedRatio, colour: '--warn' },
      ],
      latency: [
        { label: 'p50', values: series.p50Ms, colour: '--ok' },
        { label: 'p95', values: series.p95Ms, colour: '--accent' },
        { label: 'p99', values: series.p99Ms, colour: '--violet' },
      ],
      bytes: [{ label: 'bytes', values: series.bytesPerSecond, colour: '--accent', isFilled: true }],
    }),
    [series],
  );
  const isTcp = series.connectionsPerSecond.some((value) => value > 0) && series.requestsPerSecond.every((value) => value === 0);
  return (
    <div class={isBrief ? 'charts charts-brief' : 'charts'}>
      {isTcp ? (
        <LineChart key="connections" title="Connections" times={times} lines={lines.connections} format={rateText} least={1} />
      ) : (
        <LineChart key="requests" title="Requests" times={times} lines={lines.requests} format={rateText} least={1} />
      )}
      <LineChart title="Failed and denied" times={times} lines={lines.trouble} format={shareText} least={0.05} />
      {isTcp ? null : <LineChart title="Latency" times={times} lines={lines.latency} format={durationText} least={10} />}
      {isBrief && !isTcp ? null : <LineChart title="Traffic" times={times} lines={lines.bytes} format={bytesRateText} least={1000} />}
    </div>
  );
}

export function GoldenSignals({ by, of, isBrief = false }: Props) {
  const hasPrometheus = useAbout().value.value?.hasPrometheus === true;
  const choices = PASTS.filter(({ needsPrometheus }) => hasPrometheus || !needsPrometheus);
  const past = (isBrief ? undefined : choices.find(({ label }) => label === param('past'))) ?? PASTS[0];
  const key = encodeURIComponent(signalKeyText(by, of));
  const path = `/api/signals/history?by=${by}&key=${key}&step=${past.step}&window=${past.label}`;
  const { value, error } = usePoll<{ readonly series: readonly SignalSeries[] }>(path, REFRESH_MS).value;
  const [series] = value?.series ?? [];
  return (
    <section aria-label="Golden signals">
      {isBrief || choices.length < 2 ? null : (
        <Choice
          label="Time shown"
          value={past.label}
          options={choices.map(({ label }) => label)}
          onChange={(label) => setParams({ past: label })}
        />
      )}
      {error === '' ? null : <Notice tone="bad">{error}</Notice>}
      {value === undefined && error !== '' ? null : series === undefined ? (
        <p class="empty">{value === undefined ? 'Loading…' : 'Nothing was counted in this time.'}</p>
      ) : (
        <Charts series={series} isBrief={isBrief} />
      )}
    </section>
  );
}

/** Live requests: proxies tell of each one while this page is open. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Flow, LostLine, TapLine } from '../../../src/model/flow.ts';
import { merged } from '../model/flows.ts';
import { messageOf, streamLines } from '../state/api.ts';
import { param, setParams } from '../state/router.ts';
import { Choice } from '../ui/choice.tsx';
import { Icon } from '../ui/icon.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { SearchField } from '../ui/search-field.tsx';
import { FlowTable } from './flow-table.tsx';

const FLOWS_MAX = 300;
/** Rows are drawn this often, however many come. */
const DRAW_MS = 250;
const RETRY_MS = 2_000;
const FILTERS = ['workload', 'source', 'destination', 'service', 'route', 'status'] as const;
const VERDICTS = ['all', 'forwarded', 'denied', 'failed'];
const SIDES = ['both sides', 'source', 'destination'] as const;

interface Tap {
  readonly flows: Signal<readonly Flow[]>;
  readonly seen: Signal<number>;
  readonly lost: Signal<number>;
  readonly error: Signal<string>;
  /** Why nothing will come; '' where something may. */
  readonly silence: Signal<string>;
}

function silenceOf({ concerned, tellers }: TapLine): string {
  if (tellers > 0) return '';
  return concerned === 0
    ? 'No connected proxy is concerned by these filters.'
    : 'The proxies concerned tell of no flows: spec.flows.enabled of MeshConfig is false, or their bootstraps name nobody to tell.';
}

function queryText(): string {
  const query = new URLSearchParams({ watch: 'true', tap: 'true' });
  for (const name of [...FILTERS, 'verdict', 'reporter', 'headers']) {
    const value = param(name).trim();
    if (value !== '') query.set(name, value);
  }
  return query.toString();
}

/** Reads the stream into `tap` until aborted; a stream that breaks is opened again. */
async function follow(path: string, tap: Tap, signal: AbortSignal): Promise<void> {
  let waiting: Flow[] = [];
  const draw = setInterval(() => {
    if (waiting.length === 0) return;
    tap.flows.value = merged([...waiting.toReversed(), ...tap.flows.value]).slice(0, FLOWS_MAX);
    tap.seen.value += waiting.length;
    waiting = [];
  }, DRAW_MS);
  signal.addEventListener('abort', () => clearInterval(draw));
  while (!signal.aborted) {
    try {
      for await (const line of streamLines<Flow | LostLine | TapLine>(path, signal)) {
        tap.error.value = '';
        if ('lost' in line) tap.lost.value += line.lost;
        else if ('tellers' in line) tap.silence.value = silenceOf(line);
        else {
          // proxies that connect after the page has asked tell, too
          tap.silence.value = '';
          waiting.push(line);
        }
      }
    } catch (error) {
      if (!signal.aborted) tap.error.value = messageOf(error);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function useTap(isPaused: boolean): Tap {
  const tap: Tap = {
    flows: useSignal<readonly Flow[]>([]),
    seen: useSignal(0),
    lost: useSignal(0),
    error: useSignal(''),
    silence: useSignal(''),
  };
  const path = `/api/flows?${queryText()}`;
  useEffect(() => {
    if (isPaused) return undefined;
    const stopping = new AbortController();
    void follow(path, tap, stopping.signal);
    return () => stopping.abort();
  }, [path, isPaused]);
  // what was seen by other filters is none of these
  useEffect(() => {
    tap.flows.value = [];
    tap.seen.value = 0;
    tap.lost.value = 0;
    tap.error.value = '';
    tap.silence.value = '';
  }, [path]);
  return tap;
}

export function TapPage() {
  const isPaused = param('paused') === '1';
  const { flows, seen, lost, error, silence } = useTap(isPaused);
  const aside = (
    <button type="button" class="button" aria-pressed={isPaused} onClick={() => setParams({ paused: isPaused ? '' : '1' })}>
      <Icon name={isPaused ? 'play' : 'pause'} /> {isPaused ? 'Go on' : 'Pause'}
    </button>
  );
  return (
    <Page title="Live tap" aside={aside}>
      <div class="toolbar" role="group" aria-label="Which requests">
        {FILTERS.map((name) => (
          <SearchField
            key={name}
            name={name}
            label={name}
            placeholder={name === 'status' ? 'status, e.g. 5xx' : name === 'service' || name === 'route' ? name : `${name} ns/name`}
          />
        ))}
        <SearchField name="headers" label="headers to show" placeholder="headers a,b" />
        <Choice
          label="Outcome"
          value={param('verdict') || 'all'}
          options={VERDICTS}
          onChange={(verdict) => setParams({ verdict: verdict === 'all' ? '' : verdict })}
        />
        <Choice
          label="Told by"
          value={param('reporter') || SIDES[0]}
          options={SIDES}
          onChange={(side) => setParams({ reporter: side === SIDES[0] ? '' : side })}
        />
      </div>
      {error.value === '' ? null : <Notice tone="bad">{error.value}</Notice>}
      {silence.value === '' ? null : <Notice tone="warn">{silence.value}</Notice>}
      {lost.value === 0 ? null : (
        <Notice tone="warn">{`${lost.value} requests were left out because this page was slower than they came.`}</Notice>
      )}
      <p class="muted" role="status" data-seen={seen.value}>
        {isPaused ? 'Paused.' : `${seen.value} seen${seen.value > FLOWS_MAX ? `, the newest ${FLOWS_MAX} shown` : ''}.`}
      </p>
      {flows.value.length === 0 ? (
        <p class="empty">{isPaused ? 'Nothing was seen yet.' : 'Waiting for requests…'}</p>
      ) : (
        <FlowTable flows={flows.value} />
      )}
    </Page>
  );
}

/** What most pages look at: the mesh, and its golden signals of late. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { SignalGrouping, SignalRow } from '../../../src/model/signals.ts';
import type { Topology } from '../../../src/model/topology.ts';
import { type Graph, graphOf } from '../model/graph.ts';
import { type Polled, usePoll } from './poll.ts';
import { param } from './router.ts';

const TOPOLOGY_MS = 10_000;
const SIGNALS_MS = 3_000;

/** Windows that figures can be of. */
export const WINDOWS = ['30s', '1m', '5m', '15m'] as const;
const SECONDS: Readonly<Record<string, number>> = { '30s': 30, '1m': 60, '5m': 300, '15m': 900 };

/** Of the header's choice. */
export function windowText(): string {
  const text = param('window');
  return text in SECONDS ? text : '1m';
}

interface SignalAnswer {
  readonly rows: readonly SignalRow[];
  readonly windowMs: number;
  readonly atMs: number;
}

/** `/api/about`. */
export interface About {
  readonly version: string;
  readonly folder: string;
  readonly startedAt: string;
  readonly hasPrometheus: boolean;
}

/** The mesh. */
export function useTopology(): ReadonlySignal<Polled<Topology>> {
  return usePoll<Topology>('/api/topology', TOPOLOGY_MS);
}

/** About the control plane. */
export function useAbout(): ReadonlySignal<Polled<About>> {
  return usePoll<About>('/api/about', 60_000);
}

/** Golden signals by a grouping, over the chosen window. */
export function useSignals(by: SignalGrouping): ReadonlySignal<Polled<SignalAnswer>> {
  return usePoll<SignalAnswer>(`/api/signals?by=${by}&window=${SECONDS[windowText()] ?? 60}s`, SIGNALS_MS);
}

/** The graph, and why a part of it was not to be had. */
export interface GraphState {
  /** Undefined until both of its parts were asked for; a mesh without figures is drawn all the same. */
  readonly graph: Graph | undefined;
  readonly error: string;
}

/** The service graph. */
export function useGraph(): ReadonlySignal<GraphState> {
  const topology = useTopology();
  const rows = useSignals('edge');
  return useMemo(
    () =>
      computed((): GraphState => {
        const { value, error } = topology.value;
        const figures = rows.value;
        const isWaiting = value === undefined || (figures.value === undefined && figures.error === '');
        return { graph: isWaiting ? undefined : graphOf(value, figures.value?.rows ?? []), error: error || figures.error };
      }),
    [topology, rows],
  );
}

/** Turns each second, for texts such as "5 s ago". */
export const nowMs = signal(Date.now());
setInterval(() => (nowMs.value = Date.now()), 1_000);

/** An edge: its line, coloured by how it fares, and where there is room a label with a lock. */
import { bytesRateText, durationText, rateText, shareText } from '../model/format.ts';
import type { GraphEdge } from '../model/graph.ts';
import { callsText, isBusy, isOpenToRead, type Load, mutualText } from '../model/health.ts';
import { healthWord } from '../ui/health-dot.tsx';
import { labelPoint, type Layout, pathOf, type Point } from './layout.ts';

/** What labels of edges tell. */
export const EDGE_LABELS = ['rate', 'failures', 'latency', 'none'] as const;
export type EdgeLabel = (typeof EDGE_LABELS)[number];

interface Props {
  readonly edge: GraphEdge;
  readonly points: readonly Point[];
  readonly style: Layout['style'];
  readonly label: EdgeLabel;
  readonly isSelected: boolean;
  readonly isDimmed: boolean;
  readonly onSelect: (id: string) => void;
}

function labelText(load: Load, label: EdgeLabel): string {
  if (label === 'failures') return shareText(load.failureRatio);
  if (label === 'latency') return load.p95Ms === undefined ? '' : `p95 ${durationText(load.p95Ms)}`;
  if (load.requestsPerSecond > 0)
    return load.failureRatio > 0
      ? `${rateText(load.requestsPerSecond)} · ${shareText(load.failureRatio)}`
      : rateText(load.requestsPerSecond);
  return bytesRateText(load.bytesPerSecond);
}

/** What a screen reader says, and what hovering shows. */
function edgeText({ from, to, load, health }: GraphEdge): string {
  const lock = load.mutualTlsRatio === undefined ? 'by mTLS or not is unknown' : mutualText(load);
  return `${from} calls ${to}: ${healthWord(health)}, ${callsText(load)}, ${shareText(load.failureRatio)} failed, ${shareText(load.deniedRatio)} denied, p95 ${durationText(load.p95Ms)}, ${lock}`;
}

/** More traffic, thicker line; from 1.2 to 4. */
function strokeWidth({ requestsPerSecond, connectionsPerSecond }: Load): number {
  return Math.min(4, 1.2 + Math.log10(1 + requestsPerSecond + connectionsPerSecond) * 0.9);
}

const CHAR_WIDTH = 5.9;

function Label({ edge, at, label }: { readonly edge: GraphEdge; readonly at: Point; readonly label: EdgeLabel }) {
  const text = labelText(edge.load, label);
  const isEncrypted = !isOpenToRead(edge.load);
  const hasLock = edge.load.mutualTlsRatio !== undefined;
  const width = text.length * CHAR_WIDTH + (hasLock ? 24 : 14);
  return (
    <g class="edge-label" transform={`translate(${at.x - width / 2} ${at.y - 9})`}>
      <rect width={width} height={18} rx={9} />
      {hasLock ? (
        <path
          class={isEncrypted ? 'edge-lock' : 'edge-lock is-open'}
          transform="translate(7 4.5) scale(0.6)"
          d={isEncrypted ? 'M3 7h10v7.5H3zM5 7V5a3 3 0 0 1 6 0v2' : 'M3 7h10v7.5H3zM5 7V4.5a3 3 0 0 1 5.8-1'}
        />
      ) : null}
      <text x={hasLock ? 19 : 7} y={12.6}>
        {text}
      </text>
    </g>
  );
}

export function EdgeShape({ edge, points, style, label, isSelected, isDimmed, onSelect }: Props) {
  const d = pathOf(points);
  const middle = labelPoint(points);
  const isLabelled = isBusy(edge.load) && label !== 'none' && (style === 'cards' || isSelected);
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onSelect(edge.id);
  };
  const classes = ['edge', `is-${edge.health}`, isSelected ? 'is-selected' : '', isDimmed ? 'is-dimmed' : ''].join(' ');
  return (
    <g
      class={classes}
      role="button"
      tabindex={style === 'cards' ? 0 : -1}
      aria-label={edgeText(edge)}
      data-edge={edge.id}
      data-health={edge.health}
      onClick={() => onSelect(edge.id)}
      onKeyDown={onKey}
    >
      <title>{edgeText(edge)}</title>
      <path class="edge-reach" d={d} />
      <path
        class="edge-line"
        d={d}
        stroke-width={style === 'cards' ? strokeWidth(edge.load) : 1.2}
        marker-end={`url(#arrow-${edge.health})`}
      />
      {style === 'cards' && isBusy(edge.load) ? <path class="edge-flow" d={d} /> : null}
      {isLabelled && middle !== undefined ? <Label edge={edge} at={middle} label={label} /> : null}
    </g>
  );
}

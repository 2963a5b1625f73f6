/** A node of the graph: a card with figures and versions, or a chip with its name. */
import { bytesRateText, rateText, shareText } from '../model/format.ts';
import type { GraphNode, Version } from '../model/graph.ts';
import { callsText, isBusy, isTcp } from '../model/health.ts';
import { healthWord } from '../ui/health-dot.tsx';
import { type Box, CARD_WIDTH, type Layout, versionTop } from './layout.ts';

interface Props {
  readonly node: GraphNode;
  readonly box: Box;
  readonly style: Layout['style'];
  /** False where nothing else says which namespace it is in. */
  readonly isFramed: boolean;
  readonly isSelected: boolean;
  readonly isDimmed: boolean;
  readonly onSelect: (id: string) => void;
  readonly onFocus: (id: string) => void;
  readonly onHover: (id: string) => void;
}

const KIND_MARKS: Readonly<Record<GraphNode['kind'], string>> = {
  service: '',
  workload: 'caller',
  gateway: 'gateway',
  external: 'external',
  unknown: '',
};

function cut(text: string, chars: number): string {
  return text.length > chars ? `${text.slice(0, chars - 1)}…` : text;
}

/** What a screen reader says. */
function nodeLabel({ kind, namespace, name, load, health, ready, instances }: GraphNode): string {
  const figures = isBusy(load)
    ? `, ${isTcp(load) ? bytesRateText(load.bytesPerSecond) : `${rateText(load.requestsPerSecond)} requests`}, ${shareText(load.failureRatio)} failed`
    : '';
  const copies = instances === 0 ? '' : `, ${ready} of ${instances} ready`;
  const state = kind === 'workload' && health === 'idle' ? 'called by nobody' : healthWord(health);
  return `${kind === 'unknown' ? '' : `${kind} `}${name} in ${namespace}, ${state}${figures}${copies}`;
}

function VersionLine({ version: { label, weight, load }, top }: { readonly version: Version; readonly top: number }) {
  const share = weight === undefined ? '' : `${Math.round(weight * 10) / 10}%`;
  return (
    <g class="version" transform={`translate(0 ${top})`}>
      {weight === undefined ? null : <rect class="weight" x={10} y={14} width={((CARD_WIDTH - 20) * weight) / 100} height={2} rx={1} />}
      <text x={10} y={10}>
        {cut(label, 14)}
      </text>
      <text x={104} y={10} class="weight-text" text-anchor="end">
        {share}
      </text>
      <text x={CARD_WIDTH - 10} y={10} text-anchor="end">
        {callsText(load)}
      </text>
    </g>
  );
}

/** What of it failed or was denied, whichever is more. */
function troubleText({ failureRatio, deniedRatio }: GraphNode['load']): string {
  if (failureRatio === 0 && deniedRatio === 0) return '';
  return failureRatio >= deniedRatio ? ` · ${shareText(failureRatio)} failed` : ` · ${shareText(deniedRatio)} denied`;
}

function Card({ node, isFramed }: { readonly node: GraphNode; readonly isFramed: boolean }) {
  const { name, kind, load, versions, ready, instances } = node;
  const mark = KIND_MARKS[kind] === '' && !isFramed ? node.namespace : KIND_MARKS[kind];
  const failed = troubleText(load);
  return (
    <>
      <text class="node-name" x={26} y={20}>
        {cut(name, mark === '' ? 22 : 15)}
      </text>
      <text class="node-mark" x={CARD_WIDTH - 10} y={20} text-anchor="end">
        {mark === '' && instances > 1 ? `${ready}/${instances}` : mark}
      </text>
      <text class="node-figures" x={26} y={38}>
        {isBusy(load)
          ? `${isTcp(load) ? bytesRateText(load.bytesPerSecond) : callsText(load)}${failed}`
          : kind === 'workload' || kind === 'gateway' || kind === 'unknown'
            ? ''
            : 'no traffic'}
      </text>
      {versions.map((version, index) => (
        <VersionLine key={version.workload} version={version} top={versionTop(index)} />
      ))}
    </>
  );
}

function Chip({ node: { name, load } }: { readonly node: GraphNode }) {
  return (
    <>
      <text class="chip-name" x={20} y={16}>
        {cut(name, 15)}
      </text>
      <text class="chip-rate" x={150} y={16} text-anchor="end">
        {load.requestsPerSecond > 0 ? rateText(load.requestsPerSecond) : ''}
      </text>
    </>
  );
}

export function NodeShape({ node, box, style, isFramed, isSelected, isDimmed, onSelect, onFocus, onHover }: Props) {
  const { id, health, kind } = node;
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onSelect(id);
  };
  const classes = ['node', `is-${health}`, `kind-${kind}`, isSelected ? 'is-selected' : '', isDimmed ? 'is-dimmed' : ''].join(' ');
  return (
    <g
      class={classes}
      transform={`translate(${box.x} ${box.y})`}
      role="button"
      tabindex={0}
      aria-label={nodeLabel(node)}
      aria-pressed={isSelected}
      data-node={id}
      data-health={health}
      onClick={() => onSelect(id)}
      onDblClick={() => onFocus(id)}
      onKeyDown={onKey}
      onPointerEnter={() => onHover(id)}
      onPointerLeave={() => onHover('')}
    >
      <title>{nodeLabel(node)}</title>
      <rect class="node-box" width={box.width} height={box.height} rx={style === 'cards' ? 7 : 5} />
      <circle class="node-dot" cx={style === 'cards' ? 14 : 11} cy={style === 'cards' ? 16 : 12} r={style === 'cards' ? 4 : 3.5} />
      {style === 'cards' ? <Card node={node} isFramed={isFramed} /> : <Chip node={node} />}
    </g>
  );
}

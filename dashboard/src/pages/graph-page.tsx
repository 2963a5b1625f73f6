/** Who talks to whom, how much and how well. */
import { useEffect } from 'preact/hooks';
import { GraphCanvas } from '../graph/canvas.tsx';
import { EDGE_LABELS, type EdgeLabel } from '../graph/edge-shape.tsx';
import { GraphPanel } from '../graph/panel.tsx';
import type { Graph } from '../model/graph.ts';
import { type View, visibleOf } from '../model/visible.ts';
import { useGraph } from '../state/mesh.ts';
import { param, setParams } from '../state/router.ts';
import { Choice } from '../ui/choice.tsx';
import { HealthDot } from '../ui/health-dot.tsx';
import { Icon } from '../ui/icon.tsx';
import { Notice } from '../ui/notice.tsx';
import { SearchField } from '../ui/search-field.tsx';
import { Toggle } from '../ui/toggle.tsx';

const DEPTHS = ['1', '2', '3'];

function viewOf(): View {
  return {
    namespaces: param('ns')
      .split(',')
      .filter((name) => name !== ''),
    text: param('q'),
    isTroubleOnly: param('trouble') === '1',
    isBusyOnly: param('busy') === '1',
    focus: param('focus'),
    depth: Number(param('depth') || '1'),
  };
}

function labelOf(): EdgeLabel {
  return EDGE_LABELS.find((known) => known === param('label')) ?? 'rate';
}

/** A namespace more or less. */
function toggled(names: readonly string[], name: string): string {
  return (names.includes(name) ? names.filter((each) => each !== name) : [...names, name]).join(',');
}

function Namespaces({ graph, chosen }: { readonly graph: Graph; readonly chosen: readonly string[] }) {
  const names = [...new Set(graph.nodes.map(({ namespace }) => namespace))].toSorted();
  if (names.length < 2) return null;
  const text = chosen.length === 0 ? 'All namespaces' : chosen.length === 1 ? chosen[0] : `${chosen.length} namespaces`;
  return (
    <details class="menu">
      <summary class={chosen.length > 0 ? 'toggle is-on' : 'toggle'}>{text}</summary>
      <div class="menu-list" role="group" aria-label="Namespaces">
        {names.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={chosen.includes(name)} onChange={() => setParams({ ns: toggled(chosen, name) })} />
            {name}
          </label>
        ))}
      </div>
    </details>
  );
}

function Toolbar({ graph, view }: { readonly graph: Graph; readonly view: View }) {
  return (
    <div class="toolbar" role="group" aria-label="What is shown">
      <SearchField name="q" label="Filter by name" />
      <Namespaces graph={graph} chosen={view.namespaces} />
      <Toggle name="trouble" label="Trouble only" />
      <Toggle name="busy" label="With traffic" />
      {view.focus === '' ? null : (
        <span class="focus-chip">
          <Icon name="focus" /> {view.focus}
          <Choice label="Steps from it" value={String(view.depth)} options={DEPTHS} onChange={(depth) => setParams({ depth })} />
          <button
            type="button"
            class="icon-button"
            aria-label="Show the whole graph"
            onClick={() => setParams({ focus: '', depth: '' }, true)}
          >
            <Icon name="close" />
          </button>
        </span>
      )}
      <span class="spacer" />
      <Choice label="Labels of edges" value={labelOf()} options={EDGE_LABELS} onChange={(label) => setParams({ label })} />
    </div>
  );
}

function Legend({ shown, whole }: { readonly shown: Graph; readonly whole: Graph }) {
  const count = (all: number, some: number): string => (all === some ? String(all) : `${some} of ${all}`);
  return (
    <footer class="legend">
      <span>
        {count(whole.nodes.length, shown.nodes.length)} services, {count(whole.edges.length, shown.edges.length)} connections
      </span>
      <span>
        <HealthDot health="ok" /> healthy
      </span>
      <span>
        <HealthDot health="warn" /> from 1% failed or denied
      </span>
      <span>
        <HealthDot health="bad" /> from 5% failed
      </span>
      <span>
        <HealthDot health="idle" /> no traffic
      </span>
    </footer>
  );
}

const select = (id: string): void => setParams({ select: param('select') === id ? '' : id }, true);
const focus = (id: string): void => setParams({ focus: id, select: id }, true);

export function GraphPage() {
  const { graph, error } = useGraph().value;
  useEffect(() => {
    document.title = 'Graph · Tulle';
  }, []);
  if (graph === undefined) return <p class="empty">{error === '' ? 'Loading the mesh…' : error}</p>;
  const view = viewOf();
  const shown = visibleOf(graph, view);
  const selected = param('select');
  return (
    <div class="graph-page">
      <h1 class="visually-hidden">Service graph</h1>
      <Toolbar graph={graph} view={view} />
      {error === '' ? null : <Notice tone="bad">{error}</Notice>}
      <div class="graph-area">
        {shown.nodes.length === 0 ? (
          <p class="empty">{graph.nodes.length === 0 ? 'The mesh has no services yet.' : 'Nothing matches these filters.'}</p>
        ) : (
          <GraphCanvas graph={shown} selected={selected} focus={view.focus} label={labelOf()} onSelect={select} onFocus={focus} />
        )}
        <GraphPanel graph={graph} selected={selected} />
      </div>
      <Legend shown={shown} whole={graph} />
    </div>
  );
}

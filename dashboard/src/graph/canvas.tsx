/** What the drawing is seen through: it is dragged, zoomed by the wheel, and walked by keys. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Graph } from '../model/graph.ts';
import { Icon } from '../ui/icon.tsx';
import { createLayouter } from './choose-layout.ts';
import { Drawing } from './drawing.tsx';
import type { EdgeLabel } from './edge-shape.tsx';
import { createViewport, type ViewportControl } from './viewport.ts';

interface Props {
  readonly graph: Graph;
  readonly selected: string;
  /** The node that is looked at; '' for none. */
  readonly focus: string;
  readonly label: EdgeLabel;
  readonly onSelect: (id: string) => void;
  readonly onFocus: (id: string) => void;
}

const STEP_PX = 60;
const ZOOM = 1.25;
const KEYS: Readonly<Record<string, (view: ViewportControl) => void>> = {
  '+': (view) => view.zoom(ZOOM),
  '=': (view) => view.zoom(ZOOM),
  '-': (view) => view.zoom(1 / ZOOM),
  ArrowLeft: (view) => view.pan(STEP_PX, 0),
  ArrowRight: (view) => view.pan(-STEP_PX, 0),
  ArrowUp: (view) => view.pan(0, STEP_PX),
  ArrowDown: (view) => view.pan(0, -STEP_PX),
};

/** Drags with the pointer; a press that does not move is a click on what is under it. */
function dragging(view: ViewportControl) {
  let last: { readonly x: number; readonly y: number } | undefined;
  return {
    onPointerDown(event: PointerEvent) {
      if (event.button === 0) last = { x: event.clientX, y: event.clientY };
    },
    onPointerMove(event: PointerEvent) {
      if (last === undefined) return;
      if (event.buttons === 0) {
        last = undefined;
        return;
      }
      view.pan(event.clientX - last.x, event.clientY - last.y);
      last = { x: event.clientX, y: event.clientY };
    },
    onPointerUp() {
      last = undefined;
    },
  };
}

function Controls({ view, onFit }: { readonly view: ViewportControl; readonly onFit: () => void }) {
  return (
    <div class="graph-controls" role="group" aria-label="Zoom">
      <button type="button" class="icon-button" aria-label="Larger" title="larger (+)" onClick={() => view.zoom(ZOOM)}>
        <Icon name="plus" />
      </button>
      <button type="button" class="icon-button" aria-label="Smaller" title="smaller (-)" onClick={() => view.zoom(1 / ZOOM)}>
        <Icon name="minus" />
      </button>
      <button type="button" class="icon-button" aria-label="Show all" title="show all (0)" onClick={onFit}>
        <Icon name="fit" />
      </button>
    </div>
  );
}

export function GraphCanvas({ graph, selected, focus, label, onSelect, onFocus }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const view = useMemo(() => createViewport(() => frame.current?.getBoundingClientRect() ?? { width: 0, height: 0 }), []);
  const layouter = useMemo(createLayouter, []);
  const drag = useMemo(() => dragging(view), [view]);
  const [hovered, setHovered] = useState('');
  const layout = layouter(graph, focus);
  const fit = (): void => view.fit(layout);
  useEffect(fit, [layout]);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => {
      if (!view.isMoved) fit();
    });
    observer.observe(element);
    // a listener that may keep the page from scrolling has to say so
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      view.zoom(Math.exp(-event.deltaY / 500), { x: event.clientX - left, y: event.clientY - top });
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener('wheel', onWheel);
    };
  }, [layout]);
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === '0') fit();
    else if (KEYS[event.key] !== undefined) KEYS[event.key]?.(view);
    else return;
    event.preventDefault();
  };
  const { x, y, scale } = view.at.value;
  return (
    <div class="graph-canvas" ref={frame} tabindex={0} role="group" aria-label="Service graph" onKeyDown={onKey} {...drag}>
      <svg
        class="graph"
        data-layout={layout.style}
        aria-label={`${graph.nodes.length} services, ${graph.edges.length} connections`}
        role="group"
      >
        <g transform={`translate(${x} ${y}) scale(${scale})`}>
          <Drawing
            graph={graph}
            layout={layout}
            selected={selected}
            hovered={hovered}
            label={label}
            onSelect={onSelect}
            onFocus={onFocus}
            onHover={setHovered}
          />
        </g>
      </svg>
      <Controls view={view} onFit={fit} />
    </div>
  );
}

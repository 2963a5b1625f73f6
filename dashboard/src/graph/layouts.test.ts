import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeRowsFixture, topologyFixture } from '../../../test/e2e/dashboard/fixture.ts';
import { type Graph, graphOf } from '../model/graph.ts';
import { visibleOf, WHOLE } from '../model/visible.ts';
import { createLayouter } from './choose-layout.ts';
import { type Box, labelPoint, type Layout } from './layout.ts';

function fixtureGraph(services: number, edges: number): Graph {
  const topology = topologyFixture(services);
  return graphOf(topology, edgeRowsFixture(topology, edges));
}

function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Every node has a place of its own within the drawing, every edge a way. */
function checkLayout({ nodes, edges }: Graph, layout: Layout): void {
  const boxes = nodes.map(({ id }) => layout.nodes.get(id));
  for (const [index, box] of boxes.entries()) {
    assert.ok(box !== undefined);
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= layout.width && box.y + box.height <= layout.height, JSON.stringify(box));
    for (const other of boxes.slice(index + 1))
      assert.equal(other !== undefined && overlaps(box, other), false, JSON.stringify([box, other]));
  }
  for (const { id } of edges) {
    const points = layout.edges.get(id) ?? [];
    assert.ok(points.length >= 2 && points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)), id);
  }
}

const big = fixtureGraph(200, 2000);
const CASES = [
  { name: 'few services', graph: fixtureGraph(12, 20), focus: '', style: 'cards' },
  { name: '200 services with 2,000 edges', graph: big, focus: '', style: 'chips' },
  { name: 'one of them', graph: visibleOf(big, { ...WHOLE, focus: 'checkout/price' }), focus: 'checkout/price', style: 'cards' },
  { name: 'a service alone', graph: fixtureGraph(1, 0), focus: '', style: 'cards' },
] as const;

for (const { name, graph, focus, style } of CASES) {
  test(`${name}: ${style}, none on another`, () => {
    const layout = createLayouter()(graph, focus);
    assert.equal(layout.style, style);
    checkLayout(graph, layout);
  });
}

test('no card hides a label', () => {
  const layout = createLayouter()(fixtureGraph(20, 25), '');
  for (const [id, points] of layout.edges) {
    const { x, y } = labelPoint(points) ?? { x: 0, y: 0 };
    // `13.6/s · 17.9%` with its lock
    const label = { x: x - 53, y: y - 9, width: 106, height: 18 };
    for (const [node, box] of layout.nodes) assert.equal(overlaps(label, box), false, `${id} and ${node}`);
  }
});

test('figures that change move nothing', () => {
  const layouter = createLayouter();
  const first = layouter(fixtureGraph(12, 20), '');
  assert.equal(layouter(fixtureGraph(12, 20), ''), first);
  assert.notEqual(layouter(fixtureGraph(13, 20), ''), first);
});

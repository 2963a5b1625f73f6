/** A small run of `npm run bench:control`, so that it still runs when it is wanted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measurePlane } from './control-measure.ts';
import { planes } from './control-planes.ts';

for (const isOnDemand of [false, true]) {
  test(`twenty proxies ${isOnDemand ? 'on demand ' : ''}get a mesh of fifty services and what changes in it`, async () => {
    process.env['TULLE_BENCH_SOURCES'] = '1';
    const tulle = planes.find(({ name }) => name === 'tulle');
    assert.ok(tulle !== undefined);
    const size = { services: 50, endpointsEach: 4, namespaces: 4 };
    const figures = await measurePlane(tulle, size, { count: 20, isOnDemand }, 1, 100);
    // each change reached every proxy that it concerns
    assert.equal(figures.lost, 0);
    for (const [name, figure] of Object.entries(figures)) assert.ok(Number.isFinite(figure), name);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from './registry.ts';
import { formatFor, renderMetrics, renderPrometheus } from './prometheus.ts';
import { observe, observeTraced } from './stats.ts';

function names(registry: ReturnType<typeof createStats>): string[] {
  const found: string[] = [];
  registry.forEach(({ name }) => found.push(name));
  return found.toSorted();
}

test('the same name is the same object, whichever way its scope was reached', () => {
  const stats = createStats();
  const counter = stats.scope('cluster').scope('a').counter('upstream_rq_total');
  assert.equal(stats.scope('cluster.a').counter('upstream_rq_total'), counter);
  assert.notEqual(stats.scope('cluster.b').counter('upstream_rq_total'), counter);
});

test('a name of another kind does not break the one in use', () => {
  const stats = createStats();
  stats.counter('x').value = 3;
  stats.gauge('x').value = 9;
  assert.equal(stats.counter('x').value, 3);
});

test('labels are the same whatever their order', () => {
  const stats = createStats();
  stats.labelledCounter('m', { a: '1', b: '2' }).value++;
  stats.labelledCounter('m', { b: '2', a: '1' }).value++;
  assert.equal(stats.labelledCounter('m', { a: '1', b: '2' }).value, 2);
});

test('a prefix is forgotten with everything under it when its last holder drops it', () => {
  const stats = createStats();
  const old = stats.scope('cluster.a');
  old.counter('x');
  old.scope('outlier_detection').counter('ejections');
  stats.scope('cluster.ab').counter('y');
  const fresh = stats.scope('cluster.a');
  fresh.counter('x').value = 5;
  old.drop();
  old.drop();
  assert.deepEqual(names(stats), ['cluster.a.outlier_detection.ejections', 'cluster.a.x', 'cluster.ab.y']);
  fresh.drop();
  assert.deepEqual(names(stats), ['cluster.ab.y']);
});

test('label sets above the cap are counted together', () => {
  const full: string[] = [];
  const stats = createStats(2, (metric) => full.push(metric));
  for (const host of ['a', 'b', 'c', 'd']) stats.labelledCounter('m', { host }).value++;
  assert.deepEqual(full, ['m']);
  stats.labelledCounter('m', { host: 'a' }).value++;
  assert.equal(renderPrometheus(stats), '# TYPE m counter\nm{host="a"} 2\nm{host="b"} 1\nm{host="overflow"} 2\n');
});

test('labels have names that Prometheus takes, whatever a Telemetry calls its tags', () => {
  const stats = createStats();
  stats.labelledCounter('m', { a_b: '1,a_b_="', 'a-b': '2', 'm-x y': '3', 'n:p': '4', '9': '5', '': '6', le: '7' }).value++;
  const labels = String.raw`_9="5",a_b="1,a_b_=\"",a_b_="2",m_x_y="3",n_p="4",_="6",_le="7"`;
  assert.equal(renderPrometheus(stats), `# TYPE m counter\nm{${labels}} 1\n`);
});

interface Parsed {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

/** Reads a line of the exposition back, by its grammar. */
function parseLine(line: string): Parsed {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(match, line);
  const labels: Record<string, string> = {};
  const text = match[2] ?? '';
  for (const [, name = '', value = ''] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g)) {
    labels[name] = value.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
  }
  return { name: match[1] ?? '', labels, value: Number(match[3]) };
}

function samples(stats: ReturnType<typeof createStats>): Parsed[] {
  return renderPrometheus(stats)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine);
}

const TAGGED: readonly { name: string; readonly make: (stats: ReturnType<typeof createStats>) => void; want: Parsed }[] = [
  {
    name: 'cluster with dots in its name',
    make: (stats) => stats.scope('cluster.outbound|80||cart.shop.svc').counter('upstream_rq_total').value++,
    want: { name: 'envoy_cluster_upstream_rq_total', labels: { envoy_cluster_name: 'outbound|80||cart.shop.svc' }, value: 1 },
  },
  {
    name: 'scope of a scope',
    make: (stats) => stats.scope('cluster').scope('a.b').scope('circuit_breakers.default').counter('rq_open').value++,
    want: { name: 'envoy_cluster_circuit_breakers_default_rq_open', labels: { envoy_cluster_name: 'a.b' }, value: 1 },
  },
  {
    name: 'class of statuses',
    make: (stats) => stats.scope('http.ingress').counter('downstream_rq_5xx').value++,
    want: {
      name: 'envoy_http_downstream_rq_xx',
      labels: { envoy_http_conn_manager_prefix: 'ingress', envoy_response_code_class: '5' },
      value: 1,
    },
  },
  {
    name: 'status',
    make: (stats) => stats.scope('cluster.a').counter('upstream_rq_503').value++,
    want: { name: 'envoy_cluster_upstream_rq', labels: { envoy_cluster_name: 'a', envoy_response_code: '503' }, value: 1 },
  },
  {
    name: 'without a scope',
    make: (stats) => stats.counter('listener.0.0.0.0_80.x').value++,
    want: { name: 'envoy_listener_0_0_0_80_x', labels: { envoy_listener_address: '0' }, value: 1 },
  },
  {
    name: 'gauge of the server',
    make: (stats) => (stats.gauge('server.live').value = 1),
    want: { name: 'envoy_server_live', labels: {}, value: 1 },
  },
  {
    name: 'label that needs escaping',
    make: (stats) => stats.labelledCounter('istio_x', { path: 'a"b\\c\nd' }).value++,
    want: { name: 'istio_x', labels: { path: 'a"b\\c\nd' }, value: 1 },
  },
];

for (const { name, make, want } of TAGGED) {
  test(`Prometheus text: ${name}`, () => {
    const stats = createStats();
    make(stats);
    assert.deepEqual(samples(stats), [want]);
  });
}

/** Lines of the second format for some statistics. */
function openMetrics(fill: (stats: ReturnType<typeof createStats>) => void): string[] {
  const stats = createStats();
  fill(stats);
  return [...renderMetrics(stats, 'openmetrics')].join('').split('\n');
}

test('OpenMetrics: counters without _total in their family, exemplars, and an end', () => {
  const lines = openMetrics((stats) => {
    stats.labelledCounter('istio_requests_total', { a: 'b' }).value = 2;
    const histogram = stats.labelledHistogram('ms', { a: 'b' }, [1, 2.5]);
    observe(histogram, 0.5);
    observeTraced(histogram, 2, '4bf92f3577b34da6a3ce929d0e0e4736', 1_700_000_000_250);
    observeTraced(histogram, 7, '00f067aa0ba902b7a3ce929d0e0e4736', 1_700_000_001_000);
  });
  assert.deepEqual(lines, [
    '# HELP istio_requests Requests, by caller, called workload and service, and by how they went.',
    '# TYPE istio_requests counter',
    'istio_requests_total{a="b"} 2',
    '# TYPE ms histogram',
    'ms_bucket{a="b",le="1.0"} 1',
    'ms_bucket{a="b",le="2.5"} 2 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 2 1700000000.25',
    'ms_bucket{a="b",le="+Inf"} 3 # {trace_id="00f067aa0ba902b7a3ce929d0e0e4736"} 7 1700000001',
    'ms_sum{a="b"} 9.5',
    'ms_count{a="b"} 3',
    '# EOF',
    '',
  ]);
});

test('OpenMetrics: names of series are those of the text, and no family stands twice', () => {
  const fill = (stats: ReturnType<typeof createStats>): void => {
    const cluster = stats.scope('cluster.a');
    for (const name of ['upstream_rq_total', 'upstream_rq_503', 'upstream_cx_total', 'membership_change']) cluster.counter(name).value++;
  };
  const lines = openMetrics(fill);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('#')),
    [
      '# TYPE envoy_cluster_membership_change unknown',
      '# TYPE envoy_cluster_upstream_cx counter',
      '# TYPE envoy_cluster_upstream_rq unknown',
      '# TYPE envoy_cluster_upstream_rq_total unknown',
      '# EOF',
    ],
  );
  const stats = createStats();
  fill(stats);
  const isSeries = (line: string): boolean => line !== '' && !line.startsWith('#');
  assert.deepEqual(lines.filter(isSeries), renderPrometheus(stats).split('\n').filter(isSeries));
});

test('a scraper gets what it would rather have', () => {
  const cases = [
    ['', 'text'],
    ['*/*', 'text'],
    ['text/plain', 'text'],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0', 'openmetrics'],
    ['text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.4', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=x,text/plain', 'text'],
  ] as const;
  for (const [accept, want] of cases) assert.equal(formatFor(accept), want, accept);
});

test('long answers come in pieces', () => {
  const stats = createStats();
  for (let i = 0; i < 300; i++) observe(stats.labelledHistogram('ms', { number: String(i), text: 'x'.repeat(100) }, [1, 2, 3]), 1);
  const pieces = [...renderMetrics(stats, 'text')];
  assert.ok(pieces.length > 2);
  assert.equal(pieces.join(''), renderPrometheus(stats));
  assert.equal(pieces.join('').split('\n').length, 300 * 6 + 2);
});

test('histograms have cumulative buckets that end at their count', () => {
  const stats = createStats();
  const histogram = stats.labelledHistogram('h', { a: 'b' }, [1, 10]);
  for (const value of [0.5, 1, 7, 11]) observe(histogram, value);
  assert.equal(
    renderPrometheus(stats),
    [
      '# TYPE h histogram',
      'h_bucket{a="b",le="1"} 2',
      'h_bucket{a="b",le="10"} 3',
      'h_bucket{a="b",le="+Inf"} 4',
      'h_sum{a="b"} 19.5',
      'h_count{a="b"} 4',
      '',
    ].join('\n'),
  );
});

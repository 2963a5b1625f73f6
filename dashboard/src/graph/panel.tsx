/** What is selected in the graph, beside it. */
import { type SignalGrouping, type SignalKey, signalKeyText, type SignalRow, UNKNOWN_WORKLOAD } from '../../../src/model/signals.ts';
import type { Topology } from '../../../src/model/topology.ts';
import { GoldenSignals } from '../charts/golden-signals.tsx';
import { bytesRateText, durationText, rateText, shareText } from '../model/format.ts';
import type { Graph, GraphEdge, GraphNode } from '../model/graph.ts';
import { explainTarget } from '../model/explanation.ts';
import { BAD_RATIO, isBusy, isTcp, latenciesOf, type Load, loadOf, WARN_RATIO } from '../model/health.ts';
import { useSignals, useTopology } from '../state/mesh.ts';
import { pathOf, servicePath, setParams, workloadPath } from '../state/router.ts';
import { Badge } from '../ui/badge.tsx';
import { type Figure, Figures } from '../ui/figures.tsx';
import { HealthDot } from '../ui/health-dot.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { MutualTls } from '../ui/load-columns.tsx';

function toneOf({ failureRatio, deniedRatio }: Load, key: 'failureRatio' | 'deniedRatio'): { readonly tone?: 'warn' | 'bad' } {
  if (key === 'failureRatio' && failureRatio >= BAD_RATIO) return { tone: 'bad' };
  return (key === 'failureRatio' ? failureRatio : deniedRatio) >= WARN_RATIO ? { tone: 'warn' } : {};
}

/** Golden signals as figures; of several rows latencies are the slowest one's, which is said. */
export function figuresOf(load: Load, rows: readonly SignalRow[] = []): Figure[] {
  const timed = rows.filter(({ p95Ms }) => p95Ms !== undefined).length;
  const slowest = timed < 2 ? {} : { note: `the slowest of ${timed}` };
  return [
    isTcp(load)
      ? { name: 'New connections', value: rateText(load.connectionsPerSecond) }
      : { name: 'Requests', value: rateText(load.requestsPerSecond) },
    { name: 'Failed', value: isBusy(load) ? shareText(load.failureRatio) : '–', ...toneOf(load, 'failureRatio') },
    { name: 'Denied', value: isBusy(load) ? shareText(load.deniedRatio) : '–', ...toneOf(load, 'deniedRatio') },
    ...(isTcp(load)
      ? [{ name: 'Traffic', value: bytesRateText(load.bytesPerSecond) }]
      : (['p50', 'p95', 'p99'] as const).map((name) => ({ name, value: durationText(load[`${name}Ms`]), ...slowest }))),
  ];
}

/** A node's own page. */
function nodePath({ kind, namespace, name, host, workloads }: GraphNode): string | undefined {
  if (kind === 'unknown') return undefined;
  if (kind === 'external') return pathOf('services', 'external', host);
  if (host !== '') return servicePath(namespace, name);
  const [first] = workloads;
  return first === undefined ? workloadPath(namespace, name) : `/workloads/${first}`;
}

function Neighbours({ title, edges, end }: { readonly title: string; readonly edges: readonly GraphEdge[]; readonly end: 'from' | 'to' }) {
  if (edges.length === 0) return null;
  return (
    <section>
      <h3>
        {title} <span class="count">{edges.length}</span>
      </h3>
      <ul class="neighbours">
        {edges
          .toSorted((a, b) => b.load.failureRatio - a.load.failureRatio || b.load.requestsPerSecond - a.load.requestsPerSecond)
          .map((edge) => (
            <li key={edge.id}>
              <button type="button" onClick={() => setParams({ select: edge.id }, true)}>
                <HealthDot health={edge.health} />
                <span class="neighbour-name">{edge[end]}</span>
                <span class="figure">{rateText(edge.load.requestsPerSecond)}</span>
              </button>
            </li>
          ))}
      </ul>
    </section>
  );
}

function Versions({ node }: { readonly node: GraphNode }) {
  if (node.versions.length === 0) return null;
  const total = node.versions.reduce((sum, { load }) => sum + load.requestsPerSecond, 0);
  return (
    <section>
      <h3>Versions</h3>
      <table class="plain" aria-label="Versions">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col" class="is-number" title="by the default rule">
              Weight
            </th>
            <th scope="col" class="is-number" title="of the requests that came">
              Share
            </th>
            <th scope="col" class="is-number">
              Failed
            </th>
          </tr>
        </thead>
        <tbody>
          {node.versions.map(({ workload, label, weight, load }) => (
            <tr key={workload}>
              <td>
                <Link to={`/workloads/${workload}`}>{label}</Link>
              </td>
              <td class="is-number">{weight === undefined ? '–' : `${Math.round(weight * 10) / 10}%`}</td>
              <td class="is-number">{total === 0 ? '–' : shareText(load.requestsPerSecond / total)}</td>
              <td class="is-number">{isBusy(load) ? shareText(load.failureRatio) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What a node is a row of: its service, what it serves, or where it serves nobody what it asks of others. */
function rowsOf({ kind, host, workloads: [workload = ''], load }: GraphNode): readonly [SignalGrouping, SignalKey] {
  if (host !== '') return ['service', { service: host }];
  return kind === 'workload' && !isBusy(load) ? ['caller', { source: workload }] : ['workload', { destination: workload }];
}

function NodePanel({ node, graph }: { readonly node: GraphNode; readonly graph: Graph }) {
  const page = nodePath(node);
  const { host, workloads } = node;
  const [by, key] = rowsOf(node);
  const { rows = [] } = useSignals(by).value.value ?? {};
  const own = rows.filter((row) => signalKeyText(by, row) === signalKeyText(by, key));
  const told = loadOf(own);
  return (
    <>
      <p class="panel-actions">
        {page === undefined ? null : (
          <Link to={page} class="button">
            Open <Icon name="arrow" />
          </Link>
        )}
        <button type="button" class="button" onClick={() => setParams({ focus: node.id }, true)}>
          <Icon name="focus" /> Focus
        </button>
        {host === '' ? null : (
          <Link to={`/tap?service=${encodeURIComponent(host)}`} class="button">
            <Icon name="tap" /> Tap
          </Link>
        )}
      </p>
      {by === 'caller' ? <p class="muted">It serves nobody: these are its own calls.</p> : null}
      {/* quantiles of edges do not add up: those of all that came are told by themselves */}
      <Figures figures={figuresOf(by === 'caller' ? told : { ...node.load, ...latenciesOf(told) }, own)} />
      {host === '' && workloads.length === 0 ? null : <GoldenSignals by={by} of={key} isBrief />}
      <Versions node={node} />
      <Neighbours title="Called by" edges={graph.edges.filter(({ to }) => to === node.id)} end="from" />
      <Neighbours title="Calls" edges={graph.edges.filter(({ from }) => from === node.id)} end="to" />
    </>
  );
}

function Identities({ edge }: { readonly edge: GraphEdge }) {
  const pairs = new Map(
    edge.rows.map(({ sourcePrincipal = '', destinationPrincipal = '' }) => [
      `${sourcePrincipal} ${destinationPrincipal}`,
      [sourcePrincipal, destinationPrincipal],
    ]),
  );
  const known = [...pairs.values()].filter(([source, destination]) => source !== '' || destination !== '');
  if (known.length === 0) return null;
  return (
    <section>
      <h3>Identities</h3>
      {known.map(([source, destination]) => (
        <p key={`${source} ${destination}`} class="identity">
          <code>{source === '' ? 'none' : source}</code>
          <Icon name="arrow" />
          <code>{destination === '' ? 'none' : destination}</code>
        </p>
      ))}
    </section>
  );
}

/** What `tulle explain` is asked of it: by the service's port of that protocol. */
function explainedOf(service: string, { protocol }: SignalRow, topology: Topology | undefined): string {
  const found = topology?.services.find(({ hostname }) => hostname === service);
  return found === undefined ? `http://${service}` : explainTarget(found, protocol);
}

function EdgePanel({ edge }: { readonly edge: GraphEdge }) {
  const { rows, load, protocol } = edge;
  const [busiest] = rows.toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond);
  const { source = '', destination = '', service = '' } = busiest ?? {};
  const topology = useTopology().value.value;
  const pairs = new Set(rows.map((row) => `${row.source} ${row.destination}`)).size;
  const tap = new URLSearchParams({ ...(source === UNKNOWN_WORKLOAD ? {} : { source }), ...(service === '' ? {} : { service }) });
  const explain = new URLSearchParams({
    ...(source === UNKNOWN_WORKLOAD ? {} : { from: source }),
    to: busiest === undefined ? '' : explainedOf(service, busiest, topology),
  });
  return (
    <>
      <p class="panel-actions">
        <Link to={`/tap?${tap.toString()}`} class="button">
          <Icon name="tap" /> Tap
        </Link>
        {service === '' ? null : (
          <Link to={`/explain?${explain.toString()}`} class="button">
            <Icon name="explain" /> Explain
          </Link>
        )}
      </p>
      <p class="badges">
        <Badge>{protocol}</Badge> <MutualTls load={load} />
      </p>
      <Figures figures={figuresOf(load, rows)} />
      {pairs < 2 ? null : <p class="muted">{`The busiest of them over time: ${source} → ${destination}`}</p>}
      {source === '' || destination === '' ? null : <GoldenSignals by="edge" of={{ source, destination }} isBrief />}
      <Identities edge={edge} />
      {rows.length < 2 ? null : (
        <section>
          <h3>Between workloads</h3>
          <ul class="neighbours">
            {rows.map((row) => (
              <li key={`${row.source} ${row.destination} ${row.service} ${row.protocol}`}>
                <span class="neighbour-name">{`${row.source} → ${row.destination ?? ''}`}</span>
                <span class="figure">{rateText(row.requestsPerSecond)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

export function GraphPanel({ graph, selected }: { readonly graph: Graph; readonly selected: string }) {
  const node = graph.nodes.find(({ id }) => id === selected);
  const edge = graph.edges.find(({ id }) => id === selected);
  if (node === undefined && edge === undefined) return null;
  const title = node?.name ?? `${edge?.from} → ${edge?.to}`;
  const health = node?.health ?? edge?.health ?? 'idle';
  return (
    <aside class="panel" aria-label={`About ${title}`}>
      <header>
        <HealthDot health={health} />
        <div class="panel-title">
          <h2>{title}</h2>
          {node === undefined ? null : (
            <p class="muted">
              {node.kind} in {node.namespace}
              {node.instances === 0 ? '' : `, ${node.ready} of ${node.instances} ready`}
            </p>
          )}
        </div>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => setParams({ select: '' }, true)}>
          <Icon name="close" />
        </button>
      </header>
      {node === undefined ? null : <NodePanel node={node} graph={graph} />}
      {edge === undefined ? null : <EdgePanel edge={edge} />}
    </aside>
  );
}

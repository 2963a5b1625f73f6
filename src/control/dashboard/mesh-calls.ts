/** The dashboard's calls, answered by a running control plane. */
import { ProtocolError } from '../../core/errors.ts';
import { readBody } from '../admin/exchange.ts';
import { adminRoute } from '../admin/server.ts';
import type { ControlState } from '../control-state.ts';
import type { Topology } from '../../model/topology.ts';
import { createAnalysis } from './analysis.ts';
import { type Answer, type Call, isPassedOn } from './calls.ts';
import { explainRequest } from './explain.ts';
import { historyFrom } from './prometheus/history.ts';
import { readQuestion } from './prometheus/question.ts';
import { sourceText } from './source-text.ts';
import type { Tool } from './tool.ts';
import { topologyOf } from './topology.ts';

/** What calls need beside the state of the control plane. */
export interface MeshCallOptions {
  readonly version: string;
  readonly tool: Tool;
  /** Where a Prometheus is that scrapes the mesh; undefined: there is none. */
  readonly prometheusUrl: string | undefined;
}

type OwnCall = (call: Call) => object | Promise<object>;

/** The topology of the mesh in force, made once for each mesh. */
function topologyReader(state: ControlState): () => Topology {
  let last: Topology | undefined;
  return () => {
    const { mesh, generation } = state.pusher.state();
    if (last?.generation !== generation) last = topologyOf(mesh, generation);
    return last;
  };
}

function ownCalls(
  state: ControlState,
  topology: () => Topology,
  { version, tool, prometheusUrl }: MeshCallOptions,
): Readonly<Record<string, OwnCall>> {
  const analysis = createAnalysis(tool);
  const startedAt = new Date(state.clock.wallMs()).toISOString();
  return {
    'GET /api/topology': () => topology(),
    'GET /api/about': () => ({ version, folder: state.folder, startedAt, hasPrometheus: prometheusUrl !== undefined }),
    'GET /api/certificates': () => ({
      rootExpiresAt: new Date(state.authority.rootExpiresAtMs).toISOString(),
      certificates: state.authority.issued(),
    }),
    'GET /api/analysis': () => analysis.of(state.pusher.state().generation),
    'GET /api/source': ({ query }) => sourceText(state.texts(), query.get('file') ?? '', Number(query.get('line') ?? '')),
    'POST /api/explain': async ({ request }) => {
      if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
        throw new ProtocolError('bad_type', 415, 'the body must be application/json');
      return explainRequest(tool, await readBody(request));
    },
  };
}

/** Past values come from Prometheus where there is one. What came to a gateway is what it passed on. */
async function historyOf(query: URLSearchParams, { workloads }: Topology, prometheusUrl: string, nowMs: number): Promise<object> {
  const question = readQuestion(query);
  const isGateway =
    question.by === 'workload' &&
    workloads.some(({ namespace, name, role }) => role === 'router' && `${namespace}/${name}` === question.text);
  const asked = isGateway ? { ...question, by: 'edge' as const, key: { source: question.text } } : question;
  return { series: [await historyFrom(prometheusUrl, asked, nowMs)] };
}

/** Answers from the state of a control plane. */
export function meshCalls(state: ControlState, options: MeshCallOptions): Answer {
  const topology = topologyReader(state);
  const own = ownCalls(state, topology, options);
  const { prometheusUrl, version } = options;
  return (call) => {
    const { method, pathname, query, request, response } = call;
    const mine = own[`${method} ${pathname}`];
    if (mine !== undefined) return mine(call);
    if (prometheusUrl !== undefined && method === 'GET' && pathname === '/api/signals/history' && query.get('from') !== 'control')
      return historyOf(query, topology(), prometheusUrl, state.clock.wallMs());
    const route = isPassedOn(method, pathname) ? adminRoute(method, pathname) : undefined;
    if (route === undefined) throw new ProtocolError('no_call', 404, `the dashboard does not answer ${method} ${pathname}`);
    return route({ request, response, pathname, query, state, version, isPrivate: false });
  };
}

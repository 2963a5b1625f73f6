/**
 * Golden cases: what people write and the proxy's node, then `----`, then what the proxy gets.
 *
 * The first document of a case describes the proxy (`id`, `metadata`, `userAgentName`) and, where they matter, the
 * running `instances`; those after it are resources of any dialect.
 */
import { create, type JsonObject } from '@bufbuild/protobuf';
import { parse, stringify } from 'yaml';
import type { Mesh } from '../../model/mesh.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type Compiled, type ProxyNode, proxyNodeOf } from '../compile.ts';
import { buildMesh } from '../dialects/build-mesh.ts';
import { parseDocuments } from '../dialects/load.ts';
import { render } from './render.ts';

const SEPARATOR = '\n----\n';

interface Case {
  readonly id: string;
  readonly userAgentName?: string;
  readonly metadata?: JsonObject;
  readonly instances?: readonly Partial<WorkloadInstance>[];
  /** Types and names (as prefixes) that the case shows; without it everything is. */
  readonly show?: Readonly<Record<string, readonly string[]>>;
}

export interface Golden {
  readonly input: string;
  readonly want: string;
  readonly mesh: Mesh;
  readonly proxy: ProxyNode;
  readonly show: Case['show'];
}

function instanceOf(parts: Partial<WorkloadInstance>, i: number): WorkloadInstance {
  return {
    id: `${parts.workload ?? 'workload'}-${i}`,
    workload: '',
    namespace: 'default',
    labels: {},
    serviceAccount: 'default',
    address: '127.0.0.1',
    ports: [],
    locality: '',
    isReady: true,
    isMeshed: true,
    ...parts,
  };
}

/** Reads a case. Throws for resources that the dialects refuse: a case is about the compiler. */
export function parseGolden(file: string, text: string): Golden {
  const [input = '', want = ''] = text.split(SEPARATOR);
  const end = input.indexOf('\n---\n');
  const head: Case = parse(end < 0 ? input : input.slice(0, end));
  const name = file.slice(file.lastIndexOf('/') + 1);
  const { resources, diagnostics } = parseDocuments(name, end < 0 ? '' : input.slice(end + '\n---\n'.length));
  const built = buildMesh(resources, (head.instances ?? []).map(instanceOf));
  const errors = [...diagnostics, ...built.diagnostics].filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ line, message }) => `${name}:${line}: ${message}`).join('\n'));
  const node = create(NodeSchema, { id: head.id, metadata: head.metadata ?? {}, userAgentName: head.userAgentName ?? '' });
  return { input, want, mesh: built.mesh, proxy: proxyNodeOf(node), show: head.show };
}

function isShown(prefixes: readonly string[], resource: unknown): boolean {
  if (typeof resource !== 'object' || resource === null) return false;
  const name = 'name' in resource ? resource.name : 'cluster_name' in resource ? resource.cluster_name : '';
  return prefixes.some((prefix) => String(name).startsWith(prefix));
}

/** The second half of a case, as the compiler has it now. */
export function goldenOutput(compiled: Compiled, show: Golden['show']): string {
  const rendered = Object.entries(render(compiled)).map(([type, resources]) => {
    const prefixes = show === undefined ? [''] : (show[type] ?? []);
    return [type, resources.filter((resource) => isShown(prefixes, resource))] as const;
  });
  return stringify(Object.fromEntries(rendered.filter(([, resources]) => resources.length > 0)), {
    aliasDuplicateObjects: false,
    lineWidth: 0,
  });
}

/** A whole case with `output` as its second half. */
export function joinGolden(input: string, output: string): string {
  return `${input}${SEPARATOR}${output}`;
}

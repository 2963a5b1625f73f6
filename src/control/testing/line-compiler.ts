/**
 * A compiler small enough to see through, for tests of the shell. A document is one line, `kind name value`; the value
 * `bad` is refused when parsed, `unfit` when the mesh is built. A line becomes the resource of its kind (`cluster`,
 * `endpoint`, `listener`, `route`) whose bytes hold name and value; each ready instance becomes an endpoint `i:<id>`.
 */
import { create } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Mesh } from '../../model/mesh.ts';
import type { Diagnostic } from '../../model/provenance.ts';
import { contentVersion } from '../../xds/content-version.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { CompiledResource, Compiler, Resource } from '../compiler.ts';
import { proxyNodeOf } from '../../compile/emit/proxy-node.ts';
import { meshOf } from '../../compile/testing/mesh.ts';

/** Lines of each mesh that was built. */
const linesOf = new WeakMap<Mesh, readonly string[]>();

function diagnosticAt(file: string, line: number, message: string, resource?: string): Diagnostic {
  return { severity: 'error', code: 'TUL999', message, file, line, column: 1, ...(resource !== undefined && { resource }) };
}

function resourceAt(file: string, line: number, text: string): Resource {
  const [kind = '', name = '', value = ''] = text.split(' ');
  const origin = { kind, namespace: '', name, file, line, field: value };
  const part = (): never => {
    throw new Error('only the real compiler looks inside');
  };
  return { kind, namespace: '', name, file, line, key: `${kind} ${name}`, index: line - 1, createdAt: 0, origin, part };
}

function parseDocuments(file: string, text: string): ReturnType<Compiler['parseDocuments']> {
  const resources: Resource[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [kind = '', name, value] = line.split(' ');
    if (kind === '') continue;
    if (name === undefined) diagnostics.push(diagnosticAt(file, index + 1, 'not a document'));
    else if (value === 'bad') diagnostics.push(diagnosticAt(file, index + 1, 'bad is not good', `${kind} ${name}`));
    else resources.push(resourceAt(file, index + 1, line));
  }
  return { resources, diagnostics };
}

function buildMesh(resources: readonly Resource[], instances: Mesh['instances']): ReturnType<Compiler['buildMesh']> {
  const fit = resources.filter(({ origin }) => origin.field !== 'unfit');
  const diagnostics = resources
    .filter(({ origin }) => origin.field === 'unfit')
    .map(({ file, line, key }) => diagnosticAt(file, line, 'it does not fit', key));
  const mesh = meshOf({ instances });
  linesOf.set(
    mesh,
    fit.map(({ key, origin }) => `${key} ${origin.field}`),
  );
  return { mesh, diagnostics, counted: fit };
}

function compiled(name: string, value: string): [string, CompiledResource] {
  const bytes = new Uint8Array(new BinaryWriter().tag(1, 2).string(name).tag(2, 2).string(value).finish());
  return [name, { name, version: contentVersion(bytes), bytes, message: create(SecretSchema, { name }) }];
}

function compile(mesh: Mesh): ReturnType<Compiler['compile']> {
  const lines = (linesOf.get(mesh) ?? []).map((line) => line.split(' '));
  const of = (kind: string): [string, CompiledResource][] =>
    lines.filter(([each]) => each === kind).map(([, name = '', value = '']) => compiled(name, value));
  const ready = mesh.instances.filter(({ isReady }) => isReady).map(({ id, address }) => compiled(`i:${id}`, address));
  return {
    clusters: new Map(of('cluster')),
    endpoints: new Map([...of('endpoint'), ...ready]),
    listeners: new Map(of('listener')),
    routes: new Map(of('route')),
    virtualHosts: new Map(of('virtual-host')),
    secrets: new Map(of('secret')),
    names: new Map(),
  };
}

/** Reads and emits lines. */
export const lineCompiler: Compiler = { parseDocuments, buildMesh, compile, proxyNodeOf };

/** A case put to our compiler. */
import { create } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import { compile, proxyNodeOf } from '../../../src/compile/compile.ts';
import { buildMesh } from '../../../src/compile/dialects/build-mesh.ts';
import { parseDocuments } from '../../../src/compile/dialects/load.ts';
import { render } from '../../../src/compile/testing/render.ts';
import { NodeSchema } from '../../../src/xds/gen/envoy/config/core/v3/base_pb.ts';
import { answer, type Sent } from './answer.ts';
import { type Case, type Proxy, REFUSED } from './case.ts';
import type { Json } from './json.ts';
import { instancesOf, serviceYaml } from './world.ts';

function nodeOf({ app, ip, namespace, labels, metadata, type, locality }: Proxy) {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return create(NodeSchema, {
    id: `${type}~${ip}~${app}-0.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { ...metadata, NAMESPACE: namespace, LABELS: { ...labels }, INSTANCE_IPS: ip, INTERCEPTION_MODE: 'REDIRECT' },
    ...(locality !== '' && { locality: { region, zone, subZone } }),
  });
}

function meshYaml({ mesh }: Case): string {
  return mesh === undefined ? '' : stringify({ apiVersion: 'tulle.dev/v1', kind: 'MeshConfig', metadata: { name: 'mesh' }, spec: mesh });
}

/** The mesh that a case writes, and what is wrong with it. */
function readCase(one: Case) {
  const text = [meshYaml(one), serviceYaml(one.world), one.config].filter((part) => part !== '').join('\n---\n');
  const { resources, diagnostics } = parseDocuments('case.yaml', text);
  const built = buildMesh(resources, instancesOf(one.world));
  const errors = [...diagnostics, ...built.diagnostics].filter(({ severity }) => severity === 'error');
  return { mesh: built.mesh, errors };
}

/** Our answers to a case's questions. */
export function askTulle(one: Case): Readonly<Record<string, Json>> {
  const { mesh, errors } = readCase(one);
  if (errors.length > 0) return REFUSED;
  const { listeners = [], routes = [], clusters = [], endpoints = [] } = render(compile(mesh, proxyNodeOf(nodeOf(one.proxy))), false);
  const sent: Sent = { listeners, routes, clusters, endpoints };
  return Object.fromEntries(one.ask.map((question) => [question, answer(sent, question, one.proxy.ip)]));
}

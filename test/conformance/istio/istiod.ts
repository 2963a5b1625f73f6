/** A case put to istiod: a program that prints what istiod would send, at TULLE_ISTIO_ORACLE. */
import { spawnSync } from 'node:child_process';
import { stringify } from 'yaml';
import { answer, type Sent } from './answer.ts';
import type { Json } from './json.ts';
import { type Case, REFUSED } from './case.ts';
import { kubernetesYaml, serviceYaml } from './world.ts';

/** What the program prints; `proxy` where it obeys the ORACLE_ variables. */
interface Printed extends Sent {
  readonly proxy?: string;
}

/** What a case asks beyond a sidecar of namespace default in a mesh with Istio's settings. */
function environmentOf({ proxy, mesh }: Case): Record<string, string> {
  const { app, namespace, type, labels, locality } = proxy;
  return {
    ...(mesh !== undefined && { ORACLE_MESH: stringify(mesh) }),
    ...(namespace !== 'default' && { ORACLE_NAMESPACE: namespace }),
    ...(type !== 'sidecar' && { ORACLE_TYPE: type }),
    ...(locality !== '' && { ORACLE_LOCALITY: locality }),
    ...(Object.keys(labels).length > 1 && { ORACLE_LABELS: JSON.stringify({ app, ...labels }) }),
  };
}

/** istiod's answers to a case's questions; undefined where the program cannot play the proxy that the case is about. */
export function askIstiod(program: string, one: Case): Readonly<Record<string, Json>> | undefined {
  const input = [serviceYaml(one.world), kubernetesYaml(one.world), one.config].filter((part) => part !== '').join('\n---\n');
  const wanted = environmentOf(one);
  const { status, stdout, stderr } = spawnSync(program, [one.proxy.app, one.proxy.ip], {
    input: input.replaceAll(/\n+---\n+/g, '\n---\n'),
    env: { ...process.env, ...wanted },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (stderr.includes('configuration is invalid')) return REFUSED;
  if (status !== 0) throw new Error(`${one.topic}: ${one.name}: ${stderr.slice(0, 2_000)}`);
  const printed: Printed = JSON.parse(stdout);
  if (Object.keys(wanted).length > 0 && printed.proxy === undefined) return undefined;
  return Object.fromEntries(one.ask.map((question) => [question, answer(printed, question, one.proxy.ip)]));
}

/** A case put to istiod: a program that prints what istiod would send, at TULLE_ISTIO_ORACLE. */
import { spawnSync } from 'node:child_process';
import { stringify } from 'yaml';
import { answer, type Sent } from './answer.ts';
import type { Json } from './json.ts';
import { type Case, type Proxy, REFUSED } from './case.ts';
import { kubernetesYaml, serviceYaml } from './world.ts';

/** What the program prints; `proxy` where it obeys the ORACLE_ variables. */
interface Printed extends Sent {
  readonly proxy?: string;
}

/** What a case asks beyond a sidecar of namespace default in a mesh with Istio's settings. */
function environmentOf({ proxy, mesh }: Case): Record<string, string> {
  const { app, namespace, type, labels, locality, metadata } = proxy;
  return {
    ...(mesh !== undefined && { ORACLE_MESH: stringify(mesh) }),
    ...(namespace !== 'default' && { ORACLE_NAMESPACE: namespace }),
    ...(type !== 'sidecar' && { ORACLE_TYPE: type }),
    ...(locality !== '' && { ORACLE_LOCALITY: locality }),
    ...(Object.keys(metadata).length > 0 && { ORACLE_METADATA: JSON.stringify(metadata) }),
    ...(Object.keys(labels).length > 1 && { ORACLE_LABELS: JSON.stringify({ app, ...labels }) }),
  };
}

const MAX_OUTPUT_BYTES = 1 << 28;

function run(program: string, { app, ip }: Proxy, input: string, wanted: Readonly<Record<string, string>>) {
  return spawnSync(program, [app, ip], { input, env: { ...process.env, ...wanted }, encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES });
}

const obeying = new Map<string, boolean>();

/** True where the program plays other proxies, and meshes with other settings. */
function obeys(program: string, proxy: Proxy): boolean {
  const known = obeying.get(program);
  if (known !== undefined) return known;
  const printed: Printed = JSON.parse(run(program, proxy, '', {}).stdout);
  obeying.set(program, printed.proxy !== undefined);
  return printed.proxy !== undefined;
}

/** istiod's answers to a case's questions; undefined where the program cannot play the proxy that the case is about. */
export function askIstiod(program: string, one: Case): Readonly<Record<string, Json>> | undefined {
  const wanted = environmentOf(one);
  if (Object.keys(wanted).length > 0 && !obeys(program, one.proxy)) return undefined;
  const input = [serviceYaml(one.world), kubernetesYaml(one.world), one.config].filter((part) => part !== '').join('\n---\n');
  const { status, stdout, stderr } = run(program, one.proxy, input.replaceAll(/\n+---\n+/g, '\n---\n'), wanted);
  if (stderr.includes('configuration is invalid')) return REFUSED;
  if (status !== 0) throw new Error(`${one.topic}: ${one.name}: ${stderr.slice(0, 2_000)}`);
  const printed: Printed = JSON.parse(stdout);
  return Object.fromEntries(one.ask.map((question) => [question, answer(printed, question, one.proxy.ip)]));
}

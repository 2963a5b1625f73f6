import { ask } from '../../src/cli/demo/client.ts';
import type { TestMesh } from './harness.ts';

/** What an application in explicit mode does with HTTP_PROXY: one absolute-form request through its proxy's loopback port. */
export async function fetchThrough(
  mesh: TestMesh,
  workload: string,
  url: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> },
): Promise<{ status: number; text: string }> {
  const port = await httpProxyPort(mesh, workload);
  return ask({ port }, url, { ...options, headers: { ...options.headers, host: new URL(url).host } });
}

const ports = new WeakMap<TestMesh, Map<string, number>>();

/** The HTTP proxy port of a workload's first instance, as its proxy's own configuration says it. */
export async function httpProxyPort(mesh: TestMesh, workload: string): Promise<number> {
  const known = ports.get(mesh) ?? new Map<string, number>();
  ports.set(mesh, known);
  const cached = known.get(workload);
  if (cached !== undefined) return cached;
  const [instance] = await mesh.instances(workload);
  if (instance === undefined) throw new Error(`${workload} has no instance`);
  const { text } = await mesh.proxy(instance.id, '/config_dump');
  const port = Number(/"httpProxyPort":\s*(\d+)/.exec(text)?.[1]);
  if (!Number.isInteger(port)) throw new Error(`the proxy of ${instance.id} says nothing of its HTTP proxy port`);
  known.set(workload, port);
  return port;
}

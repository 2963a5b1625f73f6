import { request } from 'node:http';
import type { TestMesh } from './harness.ts';

/** What an application in explicit mode does with HTTP_PROXY: one absolute-form request through its proxy's loopback port. */
export async function fetchThrough(
  mesh: TestMesh,
  workload: string,
  url: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> },
): Promise<{ status: number; text: string }> {
  const port = await httpProxyPort(mesh, workload);
  const { host } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path: url, method: options.method ?? 'GET', headers: { ...options.headers, host } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

const ports = new WeakMap<TestMesh, Map<string, number>>();

/** The HTTP proxy port of a workload's first instance, from the environment of its application's process. */
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

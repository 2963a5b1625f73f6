/** What the control plane knows now about those concerned. */
import { callControl } from '../admin-client.ts';
import { type JsonObject, objectsOf, rowsAt, textOf } from '../json.ts';
import type { StateDir } from '../state-dir.ts';
import { refusals } from '../sync-state.ts';

export interface Facts {
  /** Endpoints of a service by host, or by its short name; undefined where it is none of the mesh's. */
  endpoints(host: string): { readonly ready: number; readonly all: number; readonly isExternal: boolean } | undefined;
  /** What is wrong with a workload's proxies now, in words; empty where all is well or nothing is known. */
  proxyTrouble(workload: string): string;
  /** True where a workload (`namespace/name`) has a proxy, or should have one; undefined where nobody can say. */
  hasProxy(workload: string): boolean | undefined;
}

/** Where no control plane answers. */
export const NO_FACTS: Facts = { endpoints: () => undefined, proxyTrouble: () => '', hasProxy: () => undefined };

function isCalled({ hostname, name, namespace }: JsonObject, host: string): boolean {
  const [first = '', second] = host.replace(/:\d+$/, '').split('.');
  if (textOf(hostname) === host.replace(/:\d+$/, '')) return true;
  return textOf(name) === first && (second === undefined || textOf(namespace) === second);
}

/** Facts out of the answers to `GET /api/services`, `GET /api/proxies` and `GET /api/workloads`. Pure. */
export function factsOf(services: readonly JsonObject[], proxies: readonly JsonObject[], workloads: readonly JsonObject[] = []): Facts {
  const isMeshed = (workload: string): boolean =>
    workloads.some((each) => `${textOf(each['namespace'])}/${textOf(each['name'])}` === workload && each['isMeshed'] === true);
  const ofWorkload = (workload: string): readonly JsonObject[] =>
    proxies.filter((proxy) => `${textOf(proxy['namespace'])}/${textOf(proxy['workload'])}` === workload);
  return {
    endpoints(host) {
      const service = services.find((each) => isCalled(each, host));
      if (service === undefined) return undefined;
      const all = objectsOf(service['endpoints']);
      const isExternal = service['isExternal'] === true;
      return { ready: all.filter((each) => each['isReady'] === true).length, all: all.length, isExternal };
    },
    proxyTrouble(workload) {
      const connected = ofWorkload(workload);
      if (connected.length === 0 && isMeshed(workload)) return `no proxy of ${workload} is connected now`;
      return connected
        .flatMap(refusals)
        .map((refusal) => `its proxy refuses ${refusal}`)
        .join('; ');
    },
    hasProxy: (workload) => (workload === '' ? undefined : ofWorkload(workload).length > 0 || isMeshed(workload)),
  };
}

/** Asks the control plane of a mesh; `NO_FACTS` where none answers. */
export async function fetchFacts(state: StateDir): Promise<Facts> {
  try {
    const [services, proxies, workloads] = await Promise.all(
      ['/api/services', '/api/proxies', '/api/workloads'].map((path) => callControl(state, path)),
    );
    return factsOf(rowsAt(services, 'services'), rowsAt(proxies, 'proxies'), rowsAt(workloads, 'workloads'));
  } catch {
    return NO_FACTS;
  }
}

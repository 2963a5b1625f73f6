/** Running copies of workloads for tests, with everything that a case does not care about filled in. */
import type { WorkloadInstance } from '../workload.ts';

/** The first copy of a workload of the namespace shop, ready and with a proxy. */
export function instanceOf(workload: string, parts: Partial<WorkloadInstance> = {}): WorkloadInstance {
  return {
    id: `${workload}-0`,
    workload,
    namespace: 'shop',
    labels: { app: workload },
    serviceAccount: workload,
    address: '10.0.0.1',
    ports: [],
    locality: '',
    isReady: true,
    isMeshed: true,
    ...parts,
  };
}

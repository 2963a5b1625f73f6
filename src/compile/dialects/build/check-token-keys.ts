import { keySourceOf } from '../../../model/key-set.ts';
import type { Mesh } from '../../../model/mesh.ts';
import type { Findings } from './findings.ts';

/** Says of which issuers there are no keys, where somebody has tried to fetch them. */
export function checkTokenKeys({ requestAuthentications, keySets }: Mesh, findings: Findings): void {
  const missing = new Map(keySets.filter(({ jwks, problem }) => jwks === '' && problem !== '').map((set) => [set.url, set]));
  if (missing.size === 0) return;
  for (const { rules } of requestAuthentications) {
    for (const rule of rules) {
      const set = missing.get(keySourceOf(rule)?.url ?? '');
      if (set !== undefined)
        findings.warning('TUL120', rule.origin, `the keys are not at ${set.url} (${set.problem}): every token is refused`);
    }
  }
}

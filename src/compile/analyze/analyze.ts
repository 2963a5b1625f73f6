/** What is wrong with a mesh before it is applied: the compiler's diagnostics, and what analysers find in the model. Pure. */
import { defaultMeshSettings } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import { buildMesh } from '../dialects/build-mesh.ts';
import type { Resource } from '../dialects/dialect.ts';
import { resourceKey } from '../dialects/dialect.ts';
import { parseDocuments } from '../dialects/load.ts';
import { codeEntry, type AnalysisCode, type Severity } from './codes.ts';
import { compilerFindings } from './compiler-findings.ts';
import { createDocuments } from './document.ts';
import type { Finding, SayOptions } from './finding.ts';
import { checks } from './index.ts';
import { runnersOf } from './runners.ts';
import { type Suppression, withoutSuppressed } from './suppress.ts';
import { createWorld, type RefusedByProxy } from './world.ts';

export interface AnalyzeInput {
  /** Texts by the name of their file. */
  readonly texts: ReadonlyMap<string, string>;
  /** What runs already, where a mesh does. */
  readonly instances?: readonly WorkloadInstance[];
  readonly suppressions?: readonly Suppression[];
  /** What Tulle's proxy does not do of what an EnvoyFilter puts into it; not looked for where it is absent. */
  readonly refusedByProxy?: RefusedByProxy;
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** True where `severity` is at least as bad as `threshold`. */
export function reaches(severity: Severity, threshold: Severity): boolean {
  return RANK[severity] <= RANK[threshold];
}

function compare(a: Finding, b: Finding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || RANK[a.severity] - RANK[b.severity] || (a.code < b.code ? -1 : Number(a.code > b.code));
}

function domainSuffixOf(resources: readonly Resource[]): string {
  for (const resource of resources) {
    const part = resource.kind === 'MeshConfig' ? resource.part(defaultMeshSettings.domainSuffix) : undefined;
    if (part?.kind === 'settings') return part.value.domainSuffix;
  }
  return defaultMeshSettings.domainSuffix;
}

function findingOf(code: AnalysisCode, origin: Provenance, message: string, options: SayOptions): Finding {
  const { severity, mend } = codeEntry(code);
  const { kind, namespace, name, file, line, field } = origin;
  const resource = resourceKey(kind, namespace, name);
  return { severity: options.severity ?? severity, code, message, hint: options.hint ?? mend, file, line, column: 1, resource, field };
}

/** Everything that is to be said of the texts, in order of file and line. */
export function analyze({ texts, instances = [], suppressions = [], refusedByProxy }: AnalyzeInput): readonly Finding[] {
  const loaded = [...texts].map(([file, text]) => parseDocuments(file, text));
  const resources = loaded.flatMap((each) => each.resources);
  const documents = createDocuments(texts);
  const running = runnersOf(resources, documents, instances, domainSuffixOf(resources));
  const built = buildMesh(resources, running.instances);
  const diagnostics = [...loaded.flatMap((each) => each.diagnostics), ...built.diagnostics];
  const refused = new Set(
    diagnostics.flatMap(({ severity, resource }) => (severity === 'error' && resource !== undefined ? [resource] : [])),
  );
  const world = createWorld(built.mesh, documents, running.runners, refused, refusedByProxy);
  const findings = new Map<string, Finding>();
  const put = (finding: Finding): void =>
    void findings.set(JSON.stringify([finding.code, finding.file, finding.line, finding.message]), finding);
  compilerFindings(diagnostics, documents).forEach(put);
  for (const check of checks) check.run(world, (code, origin, message, options = {}) => put(findingOf(code, origin, message, options)));
  return withoutSuppressed([...findings.values()], documents, suppressions).toSorted(compare);
}

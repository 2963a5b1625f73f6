/** Resources that select workloads and of which one counts for each: Sidecar, Telemetry. */
import { selects } from '../../model/match.ts';
import type { AnalysisCode } from './codes.ts';
import { mapAt, textsOf, type RawDocument } from './document.ts';
import type { Say } from './finding.ts';
import type { Target, World } from './world.ts';

/** What a kind calls things, and what is said of conflicts. */
export interface Selecting {
  readonly kind: string;
  /** Field of `spec` with the labels. */
  readonly selector: readonly string[];
  readonly severalWithout: AnalysisCode;
  readonly severalFor: AnalysisCode;
  readonly effect: string;
  /** Of two that select one workload, where that is another. */
  readonly effectFor?: string;
}

function labelsOf({ value }: RawDocument, { selector }: Selecting): Readonly<Record<string, string>> {
  return textsOf(mapAt(value, 'spec', ...selector));
}

function chosen(document: RawDocument, what: Selecting, world: World): readonly Target[] {
  const labels = labelsOf(document, what);
  return world.targets.filter((target) => target.namespace === document.namespace && selects(labels, target.labels));
}

function place(document: RawDocument): string {
  const { file, line } = document.originOf('');
  return `${document.key} (${file}:${line})`;
}

/** Says which of the kind are one too many, and which select nothing. */
export function checkSelecting(what: Selecting, world: World, say: Say): void {
  const all = world.documents.ofKinds(what.kind).filter(({ value }) => Object.keys(mapAt(value, 'spec', 'targetRef')).length === 0);
  const isGeneral = (document: RawDocument): boolean => Object.keys(labelsOf(document, what)).length === 0;
  for (const [first, ...others] of Map.groupBy(all.filter(isGeneral), ({ namespace }) => namespace).values()) {
    for (const other of others) {
      if (first !== undefined)
        say(
          what.severalWithout,
          other.originOf(''),
          `${place(first)} is for all workloads of namespace ${other.namespace}, too: ${what.effect}`,
        );
    }
  }
  const owners = new Map<Target, RawDocument>();
  for (const document of all) {
    if (isGeneral(document)) continue;
    const targets = chosen(document, what, world);
    const field = document.originOf(`spec.${what.selector.join('.')}`);
    if (targets.length === 0)
      say('IST0127', field, `no workload of namespace ${document.namespace} has these labels: the ${what.kind} does nothing`);
    const rival = targets.find((target) => owners.has(target));
    const owner = rival && owners.get(rival);
    if (owner !== undefined)
      say(
        what.severalFor,
        field,
        `${place(owner)} selects workload ${rival?.namespace}/${rival?.name}, too: ${what.effectFor ?? what.effect}`,
      );
    for (const target of targets) if (!owners.has(target)) owners.set(target, document);
  }
}

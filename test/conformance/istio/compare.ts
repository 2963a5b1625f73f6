/**
 * `npm run compare:istio`: puts every case to istiod afresh and holds its answers to those recorded; `-- --record` writes
 * them down, with ours where they differ on purpose. The program that answers for istiod is at TULLE_ISTIO_ORACLE.
 */
import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { type Case, casesOf, type Recorded, recordedOf, recordFile, topics } from './case.ts';
import { askIstiod } from './istiod.ts';
import { askTulle } from './tulle.ts';

/** Our answers that are others than `istio`, of a case that differs on purpose. */
function differing(one: Case, istio: Recorded['istio']): Recorded {
  if (one.differs.length === 0) return { istio };
  const ours = Object.entries(askTulle(one)).filter(([question, own]) => !isDeepStrictEqual(own, istio[question]));
  return { istio, tulle: Object.fromEntries(ours) };
}

function check(program: string, topic: string, isRecording: boolean): number {
  const former = recordedOf(topic);
  const next: Record<string, Recorded> = {};
  let wrong = 0;
  for (const one of casesOf(topic)) {
    const istio = askIstiod(program, one);
    const known = former[one.name];
    if (istio === undefined) {
      process.stdout.write(`${topic}: ${one.name}: not asked, the program plays only sidecars of namespace default\n`);
      if (known !== undefined) next[one.name] = known;
      continue;
    }
    next[one.name] = isRecording ? differing(one, istio) : { istio };
    if (isDeepStrictEqual(istio, known?.istio)) continue;
    wrong += 1;
    if (!isRecording) process.stdout.write(`${topic}: ${one.name}: istiod answers otherwise now:\n${stringify(istio)}\n`);
  }
  if (isRecording) writeFileSync(recordFile(topic), stringify(next, { lineWidth: 0, aliasDuplicateObjects: false }));
  process.stdout.write(`${topic}: ${wrong} of ${casesOf(topic).length} ${isRecording ? 'written anew' : 'changed'}\n`);
  return isRecording ? 0 : wrong;
}

function main(): number {
  const program = process.env['TULLE_ISTIO_ORACLE'];
  if (program === undefined) {
    process.stderr.write('set TULLE_ISTIO_ORACLE to a program that prints what istiod would send (test/conformance/istio/README.md)\n');
    return 2;
  }
  const asked = process.argv.slice(2).filter((word) => !word.startsWith('-'));
  const isRecording = process.argv.includes('--record');
  const counts = (asked.length > 0 ? asked : topics()).map((topic) => check(program, topic, isRecording));
  return counts.some((wrong) => wrong > 0) ? 1 : 0;
}

process.exitCode = main();

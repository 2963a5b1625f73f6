/**
 * All that a proxy runs, as one script for its start-up snapshot: what a proxy loads when it is asked for stands here from
 * the beginning. `builder.ts` runs it twice: a first instance rehearses, the second is the one that is kept.
 */
import '../../proxy/admin/server.ts';
import '../../proxy/config/yaml.ts';
import { growYoungGeneration, startLeanFromSnapshot } from '../lean-start.ts';
import { runProxy } from '../proxy.ts';
import { reported } from '../report.ts';
import { memoryFile, ownSnapshot } from './file.ts';
import { giveBack } from './give-back.ts';

export { prime, rehearse } from './rehearsal.ts';

/** Runs `tulle proxy` with its arguments, in a process that began from the snapshot. */
export async function run(args: readonly string[]): Promise<void> {
  await reported(() => {
    const onLive = startLeanFromSnapshot(() => giveBack(memoryFile(ownSnapshot() ?? '')));
    return runProxy(args, { onLive, onTellsOfAll: growYoungGeneration, entry: undefined });
  });
}

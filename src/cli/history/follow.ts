/** Tells how a rollout goes until it ends. */
import { setTimeout as delay } from 'node:timers/promises';
import { callControl } from '../admin-client.ts';
import { isObject, type JsonObject, rowsAt, textOf } from '../json.ts';
import type { StateDir } from '../state-dir.ts';
import { heldText, rolloutText } from './held.ts';

const POLL_MS = 300;

function rowOf(answer: unknown, version: number): JsonObject {
  const rows = rowsAt(answer, 'versions');
  return rows.find((row) => row['number'] === version) ?? {};
}

/** Prints a line a step and the end; resolves with true where the version is in force. */
export async function followRollout(state: StateDir, version: number): Promise<boolean> {
  let told = '';
  for (;;) {
    const answer = await callControl(state, '/api/history');
    const row = rowOf(answer, version);
    const progress = isObject(answer) ? (rolloutText(answer) ?? '') : '';
    // numbers change all the time, the step and who has answered do not
    const news = progress.replace(/, \d+ of \d+ requests.*/, '');
    if (row['state'] === 'canary') {
      if (news !== told && news !== '') process.stdout.write(`${news}\n`);
      told = news;
      await delay(POLL_MS);
      continue;
    }
    const isInForce = row['state'] === 'applied';
    process.stdout.write(
      isInForce ? `version ${version} is in force\n` : `version ${version} ${textOf(row['state'])}: ${textOf(row['reason'])}\n`,
    );
    const held = isInForce && isObject(answer) ? heldText(answer) : undefined;
    if (held !== undefined) process.stdout.write(`${held}\n`);
    return isInForce;
  }
}

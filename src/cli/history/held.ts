/** What status, check and the commands about versions say of a mesh that is not as its folder says. */
import { isObject, type JsonObject, textOf } from '../json.ts';
import { formatAge } from '../output.ts';

const WHY: Readonly<Record<string, string>> = {
  rollback: '',
  applied: 'it was applied from elsewhere',
  reverted: 'the rollout of what the folder says was reverted',
  withdrawn: 'the rollout of what the folder says was ended',
};

/** `version 3 is in force, not what the folder says: rolled back to version 1: 5xx (by ann, 2m ago)`; undefined where nothing is held back. */
export function heldText(rollout: JsonObject): string | undefined {
  const { held, version } = rollout;
  if (!isObject(held)) return undefined;
  const why = [WHY[textOf(held['kind'])] ?? '', textOf(held['reason'])].filter((text) => text !== '').join(': ');
  const by = textOf(held['by']) === '' ? '' : `by ${textOf(held['by'])}, `;
  const age = formatAge(Date.now() - Date.parse(textOf(held['since'])));
  return `version ${textOf(version)} is in force, not what the folder says: ${why} (${by}${age} ago)`;
}

/** How to end what {@link heldText} says. */
export const HELD_HINT = 'edit the folder, or take it as it is with tulle rollback --release; tulle diff shows what differs';

function progress(under: JsonObject): string {
  const steps = isObject(under['policy']) && Array.isArray(under['policy']['steps']) ? under['policy']['steps'].map(textOf) : [];
  const step = Number(textOf(under['step']));
  if (step === 0) return 'about to begin';
  const failed = `${textOf(under['failed'])} of ${textOf(under['requests'])} requests failed`;
  const watched = `${textOf(under['watched'])} of ${textOf(under['proxies'])} proxies watched`;
  const acknowledged =
    under['acknowledged'] === true ? 'acknowledged' : `${textOf(under['settled'])} of ${textOf(under['proxies'])} proxies have answered`;
  return `step ${step} of ${steps.length} (${steps[step - 1] ?? ''}): ${acknowledged}, ${failed}, ${watched}`;
}

/** `version 4 is tried: step 1 of 2 (10 %): ...`; undefined where no rollout is under way. */
export function rolloutText({ rollout }: JsonObject): string | undefined {
  return isObject(rollout) ? `version ${textOf(rollout['version'])} is tried: ${progress(rollout)}` : undefined;
}

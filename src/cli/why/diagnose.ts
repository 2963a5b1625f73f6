import { type Call, calledBy, callsOf, chainOfFailure, headOf } from './calls.ts';
import { type Cause, causeOf, type Scene, statusText } from './causes.ts';
import type { Facts } from './facts.ts';
import { type Hop, isFailure } from './hop.ts';

/** What is said about a request. */
export interface Diagnosis extends Partial<Cause> {
  /** One paragraph: who failed and how the caller came to see it. */
  readonly paragraph: string;
  /** What proxies said, in the order of time. */
  readonly evidence: readonly Hop[];
}

/** The hop that knows most: the called proxy's last, if it saw the failure too. */
function witness({ client, servers }: Call): Hop | undefined {
  const failed = servers.findLast(isFailure);
  // where the called proxy saw all go well, or its side was only left, the caller's proxy knows why
  if (client === undefined || (failed !== undefined && !isLeft(failed, client))) return failed ?? servers.at(-1) ?? client;
  return client;
}

/** True where the server's side says no more than that the caller went. */
function isLeft(server: Hop, client: Hop): boolean {
  const left = server.flags.includes('DC') || server.flags.includes('DR');
  return left && !client.flags.some((flag) => flag === 'UT' || flag === 'UMSDR');
}

function afterText(hop: Hop): string {
  return Number.isNaN(hop.durationMs) ? '' : `after ${Math.round(hop.durationMs)} ms`;
}

function sceneOf(call: Call, hop: Hop, facts: Facts): Scene {
  const caller = call.client?.source || call.servers.at(-1)?.source || 'the caller';
  const called = calledBy(call) || hop.service || 'what was called';
  return { hop, client: call.client, caller, called, after: afterText(hop), server: call.servers.at(-1), facts };
}

/** `shop/frontend saw 503 from shop/cart, which saw 503 from shop/db`: the way up from the cause. */
function passedOn(chain: readonly Call[]): string {
  const links = chain.slice(0, -1).flatMap((call) => {
    const head = headOf(call);
    const called = calledBy(call);
    return head === undefined
      ? []
      : [`${called} passed it on as ${statusText(head)} to ${call.client?.source || head.source || 'its caller'}`];
  });
  return links.toReversed().join(', ');
}

function tidy(text: string): string {
  return text.replaceAll(/ {2,}/g, ' ').replaceAll(' ,', ',').replaceAll(' ;', ';').replaceAll(' )', ')').trim();
}

/** Says which of the five places failed, by what proxies tell of a request. Pure. */
export function diagnose(hops: readonly Hop[], facts: Facts): Diagnosis {
  const calls = callsOf(hops);
  const chain = chainOfFailure(calls);
  const root = chain.at(-1);
  const hop = root && witness(root);
  const evidence = hops.toSorted((a, b) => a.startMs - b.startMs);
  if (root === undefined || hop === undefined) {
    const last = calls.at(0);
    const head = last && headOf(last);
    const status = head === undefined ? '' : ` Its caller got ${statusText(head)} ${afterText(head)}.`;
    return { paragraph: tidy(`Nothing failed, as far as proxies tell.${status}`), evidence };
  }
  const scene = sceneOf(root, hop, facts);
  const { place, isDenial, text, mend } = causeOf(scene);
  const trouble = facts.proxyTrouble(place === 'its proxy' ? scene.caller : scene.called);
  const up = passedOn(chain);
  const sentences = [
    `${placeText(place, scene)} ${isDenial ? 'said no' : 'failed'}: ${text}.`,
    ...(up === '' ? [] : [`On the way back ${up}.`]),
    ...(trouble === '' ? [] : [`Moreover, ${trouble}.`]),
  ];
  return { place, isDenial, text: tidy(text), mend, paragraph: tidy(sentences.join(' ')), evidence };
}

function placeText(place: Cause['place'], { caller, called, hop }: Scene): string {
  if (place === 'the calling application') return `The calling application (${caller})`;
  if (place === 'its proxy')
    return hop.side === 'gateway' ? `The gateway (${hop.proxy})` : `The calling application's proxy (${hop.proxy || caller})`;
  if (place === 'the called proxy') return `The called application's proxy (${hop.side === 'server' ? hop.proxy : called})`;
  if (place === 'the called application') return `The called application (${called})`;
  return `The network between ${caller} and ${called}`;
}

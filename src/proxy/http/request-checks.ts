/** What the connection manager refuses before anybody else looks at a request, and which upgrades it lets through. */
import type { IncomingRequest } from '../../wire/http/message.ts';
import type { RouteEntry } from '../router/route.ts';
import type { LocalReply } from './filter.ts';
import type { HcmConfig } from './hcm-config.ts';
import { normalizePath } from './normalize-path.ts';

const SLASH = 0x2f;

/** An answer to a request that goes no further. `isLast`: its connection is not used again, where it serves one at a time. */
export interface Refusal {
  readonly reply: LocalReply;
  readonly isLast: boolean;
}

function refusal(status: number, details: string, isLast: boolean): Refusal {
  return { reply: { status, details }, isLast };
}

/** Checks target and path, and puts the path into the form that routes and policies see. */
export function checkTarget(request: IncomingRequest, config: HcmConfig): Refusal | undefined {
  if (request.isAbsolute && !config.allowsAbsoluteUrl) return refusal(404, 'absolute_path_rejected', false);
  if (request.method === 'CONNECT') return undefined;
  if (request.path.charCodeAt(0) !== SLASH) return refusal(404, 'absolute_path_rejected', false);
  const result = normalizePath(request.path, config.paths);
  if (result === undefined) return refusal(400, 'path_normalization_failed', !config.keepsConnectionOnBadMessage);
  request.path = result.path;
  if (!result.isRedirect) return undefined;
  const headers = [['location', result.path]] as const;
  return { reply: { status: 307, details: 'path_normalization_failed', headers }, isLast: false };
}

/** What the request wants to become, in lower case: `connect` for a tunnel, `websocket`, ...; '' for a plain request. */
export function upgradeOf({ method, upgrade, protocol }: IncomingRequest, { ignoredUpgrades }: HcmConfig): string {
  if (method === 'CONNECT') return 'connect';
  // an upgrade to HTTP/2 is ignored, as its client must be prepared for
  if (upgrade === 'h2c') return '';
  return protocol === 'HTTP/1.1' && ignoredUpgrades.some((test) => test(upgrade)) ? '' : upgrade;
}

/** Whether the route, or where it does not say the connection manager, allows the upgrade. */
export function isUpgradeAllowed(upgrade: string, route: RouteEntry | undefined, config: HcmConfig): boolean {
  const ofRoute = route?.action.kind === 'cluster' ? route.action.upgrades.get(upgrade) : undefined;
  return ofRoute ?? config.upgrades.get(upgrade) ?? false;
}

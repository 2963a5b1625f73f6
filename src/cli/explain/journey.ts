/** What the parts of an explanation hand to each other on a request's way. */
import type { IncomingRequest } from '../../wire/http/message.ts';
import type { Entered } from './arrival.ts';
import type { Explanation, Trail } from './explanation.ts';
import type { ProxyConfig } from './proxy-config.ts';
import type { Member, World } from './world.ts';

/** What travels: a request, or bytes that proxies do not look into. */
export type Traffic =
  | { readonly kind: 'http'; readonly request: IncomingRequest }
  /** `serverName`: the application speaks TLS to that name. */
  | { readonly kind: 'bytes'; readonly serverName: string | undefined };

export interface Journey {
  readonly world: World;
  readonly configOf: (member: Member) => ProxyConfig;
  /** SPIFFE identity of a member. */
  readonly identityOf: (member: Member) => string;
  /** Goes through the filters of the chain that a connection has got. */
  readonly passChain: (stop: Stop, entered: Entered, traffic: Traffic, trail: Trail) => Promise<Explanation>;
}

/** A proxy on the way. */
export interface Stop {
  readonly journey: Journey;
  readonly member: Member;
  readonly config: ProxyConfig;
  /** SPIFFE identity of the proxy. */
  readonly identity: string;
}

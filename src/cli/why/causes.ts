/**
 * What response flags and details mean for the question who has failed. A table: the first row that fits a proxy's word
 * decides. Source: Envoy's response flags and details, as `docs/why-a-503.md` explains them.
 */
import { PLAINTEXT_REFUSED } from '../../model/flow.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { Facts } from './facts.ts';
import { type Hop, isFailure } from './hop.ts';

/** The five places where a call can fail. */
type Place = 'the calling application' | 'its proxy' | 'the network' | 'the called proxy' | 'the called application';

/** What is known of a call when a cause is looked for. */
export interface Scene {
  /** The proxy whose word is read. */
  readonly hop: Hop;
  /** What the caller's proxy says, where it tells of the call. */
  readonly client: Hop | undefined;
  /** Names for people: `shop/frontend`, or `the caller`. */
  readonly caller: string;
  readonly called: string;
  /** `after 12 ms`, or nothing where the line does not say. */
  readonly after: string;
  /** What the called proxy says, where it tells of the call as well. */
  readonly server: Hop | undefined;
  readonly facts: Facts;
}

export interface Cause {
  readonly place: Place;
  /** True where a policy said no, which is no failure of anything. */
  readonly isDenial: boolean;
  /** What happened, as a sentence without its full stop. */
  readonly text: string;
  /** What to look at or to do. */
  readonly mend: string;
}

interface Row {
  readonly when: (scene: Scene) => boolean;
  readonly cause: (scene: Scene) => Cause;
}

function at({ kind, namespace, name, file, line }: Provenance): string {
  return `${kind} ${namespace}/${name}${file === '' ? '' : `, ${file}:${line}`}`;
}

const flag =
  (...flags: readonly string[]) =>
  ({ hop }: Scene): boolean =>
    flags.some((each) => hop.flags.includes(each));

const details =
  (pattern: RegExp) =>
  ({ hop }: Scene): boolean =>
    pattern.test(hop.details);

const both =
  (...all: readonly ((scene: Scene) => boolean)[]) =>
  (scene: Scene): boolean =>
    all.every((each) => each(scene));

const isServer = ({ hop }: Scene): boolean => hop.side === 'server';

/** The proxy that speaks. */
function own({ hop }: Scene): Place {
  return hop.side === 'server' ? 'the called proxy' : 'its proxy';
}

/** The one whose request the speaking proxy got. */
const sender: Place = 'the calling application';

function says(place: Place | ((scene: Scene) => Place), text: (scene: Scene) => string, mend: (scene: Scene) => string): Row['cause'] {
  return (scene) => ({
    place: typeof place === 'function' ? place(scene) : place,
    isDenial: false,
    text: text(scene),
    mend: mend(scene),
  });
}

/** What the speaking proxy was told to refuse. */
function denial(text: (scene: Scene) => string, mend: (scene: Scene) => string): Row['cause'] {
  return (scene) => ({ place: own(scene), isDenial: true, text: text(scene), mend: mend(scene) });
}

/** `, by ServiceX a/b, file:3`; nothing where nobody wrote it. */
function byRoute({ hop }: { readonly hop: Hop | undefined }): string {
  return hop?.routeOrigin === undefined ? '' : `, by ${at(hop.routeOrigin)}`;
}

/** True where the caller's proxy gave up because of a timeout of its own. */
function isTimedOut({ client }: Scene): boolean {
  return client !== undefined && (client.flags.includes('UT') || client.flags.includes('UMSDR'));
}

/** Of less than that a network that carries nothing is no likelier than a caller with no patience. */
const SILENCE_MS = 500;

/**
 * True where the called proxy answered long ago, or should tell of the request and does not: it tells of all that fails or
 * is left, so that either the request did not come there or its answer did not come back. The caller's proxy waited.
 */
function isCutOff({ hop, server, facts }: Scene): boolean {
  const hasBegun = hop.status !== 0 && (hop.flags.includes('DC') || hop.flags.includes('DR'));
  if (hop.host === '' || hasBegun || !(hop.durationMs >= SILENCE_MS)) return false;
  if (server === undefined) return facts.hasProxy(hop.destination) === true;
  return !isFailure(server) && hop.durationMs - server.durationMs >= SILENCE_MS;
}

function cutOffText(scene: Scene): string {
  const { hop, server, called, caller, after } = scene;
  const end = isTimedOut(scene) || hop.flags.includes('UT') ? `the time for it was over${byRoute(scene)}` : `${caller} went away`;
  const what =
    server === undefined
      ? `and its proxy, which tells of all requests that fail, tells nothing of this one`
      : `though its proxy answered ${statusText(server)}, ${Math.round(server.durationMs)} ms after the request came there`;
  return `nothing came back from ${called} at ${hop.host} ${after}, when ${end}, ${what}`;
}

/** Why a connection could not be made, as the machine says it: ` (No route to host)`. */
function connectError({ hop: { details: text } }: Scene): string {
  const reason = /connect_error:_([^}|]+)/.exec(text)?.[1]?.replaceAll('_', ' ') ?? text;
  return reason === '' ? '' : ` (${reason})`;
}

/** True of a service that is not the mesh's own. */
function isOutside({ hop, facts }: Scene): boolean {
  return facts.endpoints(hop.service)?.isExternal === true;
}

const OUTSIDE_MEND = 'whether something listens there, and can be reached from here; address and port in the ServiceEntry';

const NO_ALLOW = 'no ALLOW policy fits';

function policyName({ hop }: Scene): string {
  if (hop.policy !== undefined) return at(hop.policy);
  const [, matched = ''] = /matched_policy\[(.*)\]$/.exec(hop.details) ?? [];
  const [, namespace, name] = /ns\[([^\]]+)\]-policy\[([^\]]+)\]/.exec(matched) ?? [];
  if (name !== undefined) return `AuthorizationPolicy ${namespace}/${name}`;
  return matched === 'none' || matched === '' ? NO_ALLOW : matched;
}

function endpointsText({ hop, facts, called }: Scene): string {
  const count = facts.endpoints(hop.service);
  if (count === undefined) return '';
  if (count.all === 0) return `; ${called} has no endpoints now`;
  return `; now ${count.ready} of ${count.all} endpoints ${count.ready === 1 ? 'is' : 'are'} ready`;
}

/** Who does not take connections: a proxy that should be there, or an application without one. */
function refuser({ hop, facts }: Scene): Place {
  if (hop.side === 'server') return 'the called application';
  return facts.hasProxy(hop.destination) === true ? 'the called proxy' : 'the called application';
}

const REFUSED = /refused|ECONNREFUSED|\b111\b/i;
const TLS = /TLS_error|SSL|certificate/i;
const TIMED_OUT = /timeout|timed out|ETIMEDOUT/i;

const ROWS: readonly Row[] = [
  {
    when: flag('DPE', 'IH'),
    cause: says(
      sender,
      ({ caller, hop }) => `${caller} sent a request that breaks HTTP or one of the proxy's limits (${hop.details || hop.flags.join(',')})`,
      () => 'the details say which rule: docs/http.md, "What is refused"',
    ),
  },
  {
    when: both(isServer, flag('DC', 'DR')),
    cause: says(
      'the called application',
      (scene) =>
        `${scene.called} had not answered ${scene.after}, when ${isTimedOut(scene) ? `the time for it was over${byRoute({ hop: scene.client })}` : "its caller's side gave up and went away"}`,
      (scene) =>
        `what the application did meanwhile (its log, its trace), or ${isTimedOut(scene) ? 'the timeout of the route' : 'a longer timeout at the caller'}`,
    ),
  },
  {
    when: both(flag('DC', 'DR', 'UT', 'UMSDR'), isCutOff),
    cause: says(
      'the network',
      cutOffText,
      () => 'whether packets pass between the two, both ways (firewalls, routes); whether that proxy hangs: tulle status',
    ),
  },
  {
    when: flag('DC', 'DR'),
    cause: says(
      sender,
      ({ caller, after, called, server }) =>
        `${caller} went away ${after}, before ${called}${server !== undefined ? ', which had got the request,' : ''} had answered`,
      () => "the caller's own timeout, shorter than the answer takes, or its crash",
    ),
  },
  {
    when: details(/^rbac_access_denied/),
    cause: denial(
      (scene) => `a policy denied it: ${policyName(scene)}`,
      (scene) => {
        const mend = policyName(scene) === NO_ALLOW ? 'an ALLOW rule with its identity' : 'the rule of the policy that forbids it';
        return `if ${scene.caller} may do ${scene.hop.what}: ${mend}; tulle explain shows each policy that was looked at`;
      },
    ),
  },
  {
    when: details(/^jwt_authn_access_denied/),
    cause: denial(
      ({ hop }) => `the token was not accepted: ${/\{(.*)\}/.exec(hop.details)?.[1] ?? hop.details}`,
      () => 'the token that the caller sends, or the RequestAuthentication',
    ),
  },
  {
    when: flag('UAEX'),
    cause: denial(
      ({ hop }) => `the external authorizer ${hop.details.includes('error') ? 'could not be asked' : 'denied it'} (${hop.details})`,
      () => "the authorizer's log; MeshConfig extensionProviders says which it is",
    ),
  },
  {
    when: flag('RL', 'RLSE'),
    cause: denial(
      () => 'a rate limit refused it',
      () => 'the limit, or fewer requests: http_local_rate_limit in /stats of this proxy',
    ),
  },
  {
    when: flag('FI'),
    cause: denial(
      (scene) => `a fault was injected on purpose${byRoute(scene)}`,
      () => 'the fault of the VirtualService',
    ),
  },
  {
    when: both(flag('UO'), details(/^overload$/)),
    cause: says(
      own,
      ({ hop }) => `the proxy ${hop.proxy} was overloaded and shed load`,
      () => 'its memory and connections: /stats?filter=overload, docs/operations.md, "At its limits"',
    ),
  },
  {
    when: flag('UO'),
    cause: says(
      own,
      (scene) => `a limit on what may go to ${isServer(scene) ? 'the application' : scene.called} at once was reached`,
      (scene) =>
        isServer(scene)
          ? 'inboundConnectionPool of the Sidecar'
          : 'connectionPool of the DestinationRule; whether what is called has become slow',
    ),
  },
  {
    when: flag('UDO'),
    cause: says(
      own,
      () => 'the assignment of endpoints says to drop a share of the requests',
      () => 'whoever writes the load assignment (drop_overloads)',
    ),
  },
  {
    when: ({ hop }) => hop.details === PLAINTEXT_REFUSED,
    cause: denial(
      ({ called, hop }) =>
        `${called} takes mTLS only (STRICT), and this came in plaintext${hop.policy === undefined ? '' : `: ${at(hop.policy)}`}`,
      ({ caller }) =>
        `give ${caller} a proxy, or undo the tls mode of the DestinationRule by which its proxy speaks plaintext; else PERMISSIVE for this port: tulle mtls`,
    ),
  },
  {
    when: both(flag('NR'), details(/filter_chain_not_found/)),
    cause: says(
      'the called proxy',
      ({ called }) =>
        `the proxy of ${called} takes no connection of this kind: plaintext where mTLS is STRICT, or TLS for a name that it does not have`,
      () => 'tulle mtls; the PeerAuthentication, and the tls mode of the DestinationRule',
    ),
  },
  {
    when: flag('NR'),
    cause: says(
      own,
      ({ hop }) => `no route fits ${hop.what}`,
      () => 'host, path, method and headers: tulle explain says for each route why not',
    ),
  },
  {
    when: flag('NC'),
    cause: says(
      own,
      (scene) => `the route's destination ${scene.hop.cluster || scene.hop.service} does not exist${byRoute(scene)}`,
      () => 'the spelling of host and subset: tulle analyze',
    ),
  },
  {
    when: flag('LH'),
    cause: says(
      own,
      ({ hop }) => `the proxy ${hop.proxy} was told to fail its health check`,
      () => '/healthcheck/ok on its admin interface',
    ),
  },
  {
    when: flag('DF'),
    cause: says(
      'the network',
      ({ called }) => `the name ${called} has no address in DNS`,
      () => 'the name, and the resolvers of the machine',
    ),
  },
  {
    when: both(isServer, flag('UT')),
    cause: says(
      'the called application',
      ({ called, after }) => `${called} had not answered ${after}, when the time for it was over`,
      () => 'what the application did meanwhile, or the timeout',
    ),
  },
  {
    when: both(flag('UT', 'UMSDR', 'DT'), ({ server }) => server !== undefined),
    cause: says(
      'the called application',
      (scene) => `${scene.called} got the request and had not answered ${scene.after}, when the time for it was over${byRoute(scene)}`,
      () => 'what the application did meanwhile, or the timeout of the route',
    ),
  },
  {
    when: flag('UT', 'UMSDR', 'DT'),
    cause: says(
      'the called application',
      (scene) =>
        `no answer came from ${scene.called} ${scene.after}, when the time for it was over${byRoute(scene)}; its proxy tells nothing of the request`,
      () => 'whether it arrived there (access log of the called workload), then what the application did; or the timeout of the route',
    ),
  },
  {
    when: flag('SI'),
    cause: says(
      ({ hop }) => (hop.status === 408 ? 'the calling application' : 'the called application'),
      ({ hop, caller, called, after }) =>
        `nothing moved any more, and the stream was closed ${after}: ${hop.status === 408 ? `${caller} did not finish its request` : `${called} did not answer`}`,
      () => 'stream_idle_timeout, for streams that are meant to be silent',
    ),
  },
  {
    when: flag('UH'),
    cause: says(
      'the called application',
      (scene) => `no instance of ${scene.called} could be used: none is ready, or all are ejected${endpointsText(scene)}`,
      ({ called, hop, facts }) =>
        facts.endpoints(hop.service)?.all === 0
          ? 'tulle analyze, which says so where the selector of the Service fits no workload; tulle check, whether its workload runs'
          : `tulle check; the log and the readiness probe of ${called}; outlier detection in docs/health.md`,
    ),
  },
  {
    when: both(flag('UF'), details(TLS)),
    cause: says(
      ({ hop }) => (/VERIFY|unknown ca|self.signed|expired/i.test(hop.details) ? 'its proxy' : 'the called proxy'),
      ({ hop, called }) => `${called} at ${hop.host || 'its address'} and the caller's proxy could not agree on TLS (${hop.details})`,
      () =>
        'certificates (tulle proxy certs), and whether both sides mean the same: DestinationRule tls.mode beside PeerAuthentication, tulle mtls',
    ),
  },
  {
    when: both(flag('UF'), details(REFUSED)),
    cause: says(
      refuser,
      (scene) =>
        isServer(scene)
          ? `${scene.called} does not listen at its port: its proxy was refused the connection`
          : `${refuser(scene) === 'the called proxy' ? 'it does not listen' : 'nobody listens'} at ${scene.hop.host || scene.called}: the connection was refused${endpointsText(scene)}`,
      (scene) =>
        isServer(scene)
          ? 'whether the application runs, and on which port and address it listens'
          : isOutside(scene)
            ? OUTSIDE_MEND
            : 'whether that instance and its proxy run, or began again just then: tulle check, tulle status, and its log',
    ),
  },
  {
    when: both(flag('UF'), details(TIMED_OUT)),
    cause: says(
      (scene) => (isServer(scene) ? 'the called application' : 'the network'),
      (scene) =>
        `no connection to ${scene.hop.host || scene.called} came about ${scene.after}: packets go nowhere, or the machine does not answer`,
      () => 'firewalls and routes between the two, whether the instance still exists; connectTimeout of the DestinationRule',
    ),
  },
  {
    when: flag('UF'),
    cause: says(
      (scene) => (isServer(scene) ? 'the called application' : 'the network'),
      (scene) => `no connection to ${scene.hop.host || scene.called} could be made${connectError(scene)}${endpointsText(scene)}`,
      (scene) => (isOutside(scene) ? OUTSIDE_MEND : 'whether the instance runs and can be reached: tulle status'),
    ),
  },
  {
    when: both(isServer, flag('UC', 'UR')),
    cause: says(
      'the called application',
      ({ called, after, hop }) =>
        `${called} ${hop.flags.includes('UR') ? 'reset' : 'closed'} the connection ${after}, before it had answered`,
      () => "the application's log (a crash?), and its keep-alive timeout, which should be longer than the proxy's idle timeout",
    ),
  },
  {
    when: both(isServer, flag('UPE'), details(/^upstream_reset_after_response_started/)),
    cause: says(
      'the called application',
      ({ called, hop, after }) =>
        `${called} began to answer ${statusText(hop)} and broke off ${after}: its connection closed, or what came was no HTTP, before the body that it had announced was there`,
      () => "the application's log (a crash while it wrote?), and whether its content-length is that of the body",
    ),
  },
  {
    when: both(isServer, flag('UPE')),
    cause: says(
      'the called application',
      ({ called, hop }) => `${called} answered with something that is not HTTP as its port says (${hop.details})`,
      () => 'the name or appProtocol of the port: HTTP/1.1, HTTP/2 or gRPC',
    ),
  },
  {
    when: both(flag('UC'), ({ hop, facts }) => hop.isMutualTls === false && hop.status !== 200 && facts.hasProxy(hop.destination) === true),
    cause: says(
      'the called proxy',
      ({ hop, called, caller, after }) =>
        `${caller}'s proxy spoke plaintext to ${called} at ${hop.host || 'its address'}, whose proxy closed the connection ${after} and tells nothing of the request, as it does where mTLS is STRICT`,
      ({ called }) =>
        `tulle flows --denied and tulle mtls, which name the PeerAuthentication; the tls mode of the DestinationRule beside it; if mTLS is not STRICT there, whether the instance of ${called} was stopped just then`,
    ),
  },
  {
    when: flag('UC', 'UR', 'UPE'),
    cause: says(
      ({ hop, facts }) => (facts.hasProxy(hop.destination) === false ? 'the called application' : 'the called proxy'),
      ({ hop, called, after }) =>
        `the connection to ${called} at ${hop.host || 'its address'} broke ${after}, before an answer (${hop.details || hop.flags.join(',')}), and its proxy tells nothing of the request`,
      ({ called }) => `whether the instance of ${called} was stopped or crashed just then: tulle status, its log`,
    ),
  },
  {
    when: (scene) => isServer(scene) && details(/^via_upstream|^$/)(scene),
    cause: says(
      'the called application',
      ({ called, hop, after }) => `${called} itself answered ${statusText(hop)} ${after}; no proxy had a part in it`,
      ({ called }) => `the log of ${called}, at the time and with the request id of this request`,
    ),
  },
  {
    when: both(({ server }) => server === undefined, details(/^via_upstream|^$/)),
    cause: says(
      'the called application',
      ({ called, hop, after, facts }) =>
        `${called} at ${hop.host || 'its address'} answered ${statusText(hop)} ${after}${facts.hasProxy(hop.destination) === true ? ', and its proxy tells nothing of the request' : ''}; whether it made that answer itself or its proxy did, only that proxy's log says`,
      ({ called }) => `the access log of the proxy of ${called}, if it has one, then its own log`,
    ),
  },
  {
    when: () => true,
    cause: says(
      own,
      ({ hop }) =>
        `the proxy ${hop.proxy} answered ${statusText(hop)} itself (${[...hop.flags, hop.details].filter((text) => text !== '').join(' ')})`,
      () => 'docs/why-a-503.md lists flags and details',
    ),
  },
];

/** `503`, `gRPC status 14`. */
export function statusText({ status, grpcStatus }: Hop): string {
  return grpcStatus > 0 ? `gRPC status ${grpcStatus}` : String(status);
}

/** Why a proxy saw a call fail, as far as its word goes. */
export function causeOf(scene: Scene): Cause {
  const row = ROWS.find(({ when }) => when(scene));
  if (row === undefined) throw new Error('the last row fits everything');
  return row.cause(scene);
}

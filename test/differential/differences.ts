/**
 * Where Tulle's proxy answers otherwise than Envoy, on purpose. Cases refer to this table, and
 * docs/differences-from-envoy.md is made from it by `node tools/gen-reference.ts`; tests hold the three together.
 */

export interface Difference {
  /** What it is about, for the table's order. */
  readonly area: 'connections' | 'HTTP/1.1' | 'HTTP/2' | 'routing' | 'TLS' | 'tunnels' | 'access log';
  readonly envoy: string;
  readonly tulle: string;
  readonly why: string;
}

/** By short names that cases use. */
export const DIFFERENCES = {
  closesUnderOverload: {
    area: 'HTTP/1.1',
    envoy: 'says `Connection: close` under `disable_http_keepalive`, and goes on to serve what comes on the connection',
    tulle: 'closes the connection after the answer',
    why: 'that is what the answer says (RFC 9112 section 9.6), and what sheds load from clients that do not listen',
  },
  shedFlag: {
    area: 'access log',
    envoy: 'logs no response flag for a request that `stop_accepting_requests` refuses',
    tulle: 'logs `UO`, with the same details `overload`',
    why: 'without a flag the 503 looks like the application’s',
  },
  hashToDegraded: {
    area: 'routing',
    envoy: 'sends no hashed request to degraded hosts, and answers 503 where a priority has no others',
    tulle: 'sends them there where no healthy host is left',
    why: 'a degraded host is better than none, as for every other policy',
  },
  hashWithoutWeights: {
    area: 'routing',
    envoy: 'answers 503 to hashed requests where localities are to be weighted and none has a weight',
    tulle: 'hashes over all hosts',
    why: 'so does Envoy for policies without hashes',
  },
  internalReset: {
    area: 'tunnels',
    envoy: 'flags a connection as reset (UR) where an internal listener has closed it after its answer',
    tulle: 'sets no flag',
    why: 'all that was written has arrived',
  },
  internalConnected: {
    area: 'tunnels',
    envoy: 'counts a connection to an internal listener as connected at once, whatever becomes of it there',
    tulle:
      'counts it as connected once somebody reads it: for a TCP proxy, once that has an upstream itself; else it is a connect failure (UF, URX)',
    why: 'another host can be tried, and outlier detection sees the failure',
  },
  rbacBeforeData: {
    area: 'connections',
    envoy:
      'authorizes a TCP connection (`rbac`, `ext_authz`) when its client first says something, after its server may have said something',
    tulle: 'authorizes it before it connects to the server',
    why: 'a client that is denied learns nothing, not even a greeting',
  },
  proxyDatagrams: {
    area: 'connections',
    envoy: 'takes a PROXY protocol header that tells of a datagram for one of a connection',
    tulle: 'closes the connection',
    why: 'no client has connected by it',
  },
  proxyChecksum: {
    area: 'connections',
    envoy: 'does not look at the checksum of a PROXY protocol header',
    tulle: 'closes the connection where it is wrong',
    why: 'whoever gets a wrong one must (section 2.2.4 of the protocol)',
  },
  proxyPort: {
    area: 'connections',
    envoy: 'takes ports with zeros before them in a PROXY protocol header',
    tulle: 'closes the connection',
    why: 'numbers have none there (section 2.1 of the protocol)',
  },
  loggedRedirect: {
    area: 'access log',
    envoy: 'logs the path that it redirects to',
    tulle: 'logs the path that was asked for',
    why: 'the log says what came in; where it was sent is in the response',
  },
  loggedRefusedPath: {
    area: 'access log',
    envoy: 'logs the path that it made and then refused',
    tulle: 'logs the path that was sent',
    why: 'whoever looks for the request finds it as it was',
  },
  loggedNoHost: {
    area: 'access log',
    envoy: 'logs method and path of a request without Host',
    tulle: 'logs neither',
    why: 'without a Host field it does not become a request',
  },
  ownVersion: {
    area: 'HTTP/1.1',
    envoy: "answers a client of HTTP/1.0 with the client's version",
    tulle: 'answers HTTP/1.1',
    why: "a server answers with its own version, not the client's (RFC 9110 section 6.2)",
  },
  fragment: {
    area: 'HTTP/1.1',
    envoy: 'refuses `#` in a target with a body of its own',
    tulle: 'refuses it as any other byte that a target must not have',
    why: 'a target has no fragment (RFC 9112 section 3.2)',
  },
  mirroredAlike: {
    area: 'routing',
    envoy: 'adds the fields of a new request to a mirrored one',
    tulle: 'sends a copy with the fields of its original and no others',
    why: 'what is tried with real traffic should get real traffic',
  },
  retriesElsewhere: {
    area: 'routing',
    envoy: 'may send a retry to the host that has just failed, unless the policy has the predicate `previous_hosts`',
    tulle:
      'sends it to another one while one stands; `host_selection_retry_max_attempts` or predicates of any kind put the choice into their hands, and hashed requests go back to their host',
    why: 'what has failed a moment ago is the worst choice that there is',
  },
  unaskedUpgrade: {
    area: 'tunnels',
    envoy: 'passes on a 101 that nobody asked for',
    tulle: 'makes it a 502',
    why: 'a tunnel that nobody asked for would let the origin speak past all filters',
  },
  keptEscapes: {
    area: 'routing',
    envoy: 'sends query parameters decoded where header_mutation has changed another one',
    tulle: 'sends them as they came',
    why: 'decoded, they can be no query any more, or another one',
  },
  headWithoutCoding: {
    area: 'HTTP/1.1',
    envoy: 'keeps `transfer-encoding` in answers to HEAD',
    tulle: 'leaves it out',
    why: 'it may be left out (RFC 9112 section 6.1), and says nothing there',
  },
  unmetExpectation: {
    area: 'HTTP/1.1',
    envoy: 'passes on an `Expect` that it does not know',
    tulle: 'answers 417',
    why: 'an expectation that nobody meets is answered 417 (RFC 9110 section 10.1.1)',
  },
  nominatedFields: {
    area: 'HTTP/1.1',
    envoy: 'passes on response fields that `Connection` nominates',
    tulle: 'removes them',
    why: 'they end at the next hop, in responses too (RFC 9110 section 7.6.1)',
  },
  emptyPath: {
    area: 'HTTP/1.1',
    envoy: 'refuses an absolute target without a path but with a query',
    tulle: 'reads its path as `/`',
    why: 'an empty path in a target with an authority is / (RFC 9112 section 3.2.1)',
  },
  onlySlashes: {
    area: 'routing',
    envoy: 'leaves a path of nothing but slashes alone where `merge_slashes` is set',
    tulle: 'merges them too',
    why: 'else `//` would pass rules that are written for `/`',
  },
  emptyHost: {
    area: 'HTTP/1.1',
    envoy: 'takes an empty Host',
    tulle: 'answers 400',
    why: 'without an authority nothing can be routed or allowed by it',
  },
  twoHosts: {
    area: 'HTTP/1.1',
    envoy: 'joins two Host fields',
    tulle: 'answers 400',
    why: 'proxies before or behind may take the other one (RFC 9112 section 3.2)',
  },
  userInHost: {
    area: 'HTTP/1.1',
    envoy: 'takes user information in Host',
    tulle: 'answers 400',
    why: 'Host has none (RFC 9110 section 4.2.4)',
  },
  foldedLine: {
    area: 'HTTP/1.1',
    envoy: 'unfolds a field that goes on in the next line',
    tulle: 'answers 400',
    why: 'folding is obsolete and read in two ways (RFC 9112 section 5.2)',
  },
  bareReturn: {
    area: 'HTTP/1.1',
    envoy: 'takes CR within a value',
    tulle: 'answers 400',
    why: 'a bare CR ends a line for some parsers (RFC 9112 section 2.2)',
  },
  singleSpaces: {
    area: 'HTTP/1.1',
    envoy: 'takes several spaces or tabs in a request line',
    tulle: 'answers 400',
    why: 'a request line has single spaces (RFC 9112 section 3)',
  },
  oldChunks: {
    area: 'HTTP/1.1',
    envoy: 'takes chunked bodies in HTTP/1.0',
    tulle: 'answers 400',
    why: 'HTTP/1.0 has no transfer codings (RFC 9112 section 6.1)',
  },
  chunkEnd: {
    area: 'HTTP/1.1',
    envoy: 'takes other bytes than CR LF after a chunk',
    tulle: 'answers 400',
    why: 'else the next length is guessed',
  },
  cancelledUpstream: {
    area: 'HTTP/2',
    envoy: 'resets requests that it gives up by INTERNAL_ERROR',
    tulle: 'resets them by CANCEL',
    why: 'CANCEL says that a stream is no longer needed (RFC 9113 section 7); servers take INTERNAL_ERROR for a fault',
  },
  saidWhy: {
    area: 'HTTP/2',
    envoy: 'closes the connection after most breaches of the protocol without a word',
    tulle: 'says GOAWAY with the code of the breach before it closes',
    why: 'the peer learns what it has done (RFC 9113 section 5.4.1)',
  },
  namedReset: {
    area: 'HTTP/2',
    envoy: 'resets streams that break a limit by INTERNAL_ERROR',
    tulle: 'resets them by ENHANCE_YOUR_CALM, and by PROTOCOL_ERROR for refused names',
    why: 'it is not an error of ours',
  },
  refusedStreams: {
    area: 'HTTP/2',
    envoy: 'closes the connection of a client that opens more streams than it was allowed',
    tulle: 'resets those by REFUSED_STREAM',
    why: 'the others go on, and the client can try again (RFC 9113 section 5.1.2)',
  },
  spaceAroundValue: {
    area: 'HTTP/2',
    envoy: 'takes white space around a value',
    tulle: 'takes the request as malformed',
    why: 'a value must not start or end with it (RFC 9113 section 8.2.1)',
  },
  fragment2: {
    area: 'HTTP/2',
    envoy: 'answers 400 to `#` in `:path`',
    tulle: 'takes the request as malformed',
    why: '`:path` has no fragment (RFC 9113 section 8.3.1)',
  },
  lateData: {
    area: 'HTTP/2',
    envoy: 'closes the connection when DATA comes after the end of its stream',
    tulle: 'resets that stream by STREAM_CLOSED',
    why: 'it is an error of the stream (RFC 9113 section 5.1), and others go on',
  },
  streamsGoingDown: {
    area: 'HTTP/2',
    envoy: 'ignores HEADERS of a stream below those that were opened',
    tulle: 'closes the connection',
    why: 'numbers only grow (RFC 9113 section 5.1.1)',
  },
  refusedTunnel: {
    area: 'tunnels',
    envoy: 'resets the upstream stream of an extended CONNECT that was refused by INTERNAL_ERROR',
    tulle: 'ends it',
    why: 'nothing went wrong',
  },
  refusedRedirect: {
    area: 'access log',
    envoy: "names the route that an upstream's redirect would have led to, where a predicate refused to follow it",
    tulle: 'names the route that was taken',
    why: 'that is where the response came from',
  },
  tlsErrors: {
    area: 'access log',
    envoy: "logs failed handshakes in BoringSSL's words",
    tulle: "logs them in OpenSSL's",
    why: 'the reason is the same; the libraries name it differently',
  },
  tlsEnds: {
    area: 'access log',
    envoy: 'logs no reason where a host ends the connection within the handshake',
    tulle: 'logs that it did',
    why: 'it tells a host that does not speak TLS, or refuses, from one that is not there',
  },
  tlsAlerts: {
    area: 'TLS',
    envoy: 'sends an alert to a client whose certificate it refuses',
    tulle: 'closes the connection (a client that shows none is sent the alert)',
    why: 'Node gives a certificate to judge once the handshake is done',
  },
  unchecked: {
    area: 'TLS',
    envoy: 'does not ask a client for a certificate where there is nothing to check it against, even if one is required',
    tulle: 'asks for one, and refuses a client that shows none',
    why: 'that is what the configuration says',
  },
  verifyDepth: {
    area: 'TLS',
    envoy: "does not look at `max_verify_depth` where it checks a host's certificate",
    tulle: 'refuses a chain that is longer, of clients and of hosts',
    why: 'that is what the field says',
  },
  nameCase: {
    area: 'TLS',
    envoy: 'chooses a certificate by a server name only where its letters have the same case',
    tulle: 'chooses it whatever their case',
    why: 'host names have none (RFC 4343)',
  },
  serverName: {
    area: 'access log',
    envoy: 'knows the requested server name only by `tls_inspector`',
    tulle: 'knows it of every TLS connection',
    why: 'the handshake says it',
  },
  undecodedHead: {
    area: 'access log',
    envoy: 'logs a request whose head it could not decode, as nothing but a codec error',
    tulle: 'does not',
    why: 'nothing is known of it; statistics count the connection',
  },
} as const satisfies Readonly<Record<string, Difference>>;

/** The places in which a mirrored request shows a difference. */
export const ofMirrored = (difference: Difference): Readonly<Record<string, Difference>> => ({
  'upstream.1.fields.x-envoy-internal': difference,
  'upstream.1.fields.x-forwarded-for': difference,
});

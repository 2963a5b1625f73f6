/** Sends a client to the host that served it before, by a cookie or a header. Envoy: envoy.filters.http.stateful_session. */
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import {
  type StatefulSession,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import type { Clock } from '../../../core/clock.ts';
import { CONTINUE, type HttpFilter, type HttpStream } from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import { flagBit } from '../stream-info.ts';
import { readSessionState, type SessionState } from './stateful-session/session-state.ts';

const NAME = 'envoy.filters.http.stateful_session';
const NO_HEALTHY_UPSTREAM = flagBit('UH');

class SessionConfig {
  /** Undefined: no session is kept. */
  readonly state: SessionState | undefined;
  readonly isStrict: boolean;

  constructor(message: StatefulSession, path: string) {
    this.state = message.sessionState && readSessionState(message.sessionState, `${path}.session_state`);
    this.isStrict = message.strict;
  }
}

class SessionRoute {
  /** Undefined: the route keeps no session. */
  readonly config: SessionConfig | undefined;
  constructor(config: SessionConfig | undefined) {
    this.config = config;
  }
}

function parseRoute(given: unknown, path: string): SessionRoute {
  const message = messageAs(StatefulSessionPerRouteSchema, given, path);
  const { override } = message;
  if (override.case === undefined) throw new ConfigError(path, 'says neither disabled nor stateful_session');
  return new SessionRoute(override.case === 'disabled' ? undefined : new SessionConfig(override.value, `${path}.stateful_session`));
}

/** What a request said; `address` undefined: of no host. */
interface Session {
  readonly config: SessionConfig;
  readonly state: SessionState | undefined;
  readonly address: string | undefined;
}

function beginSession(config: SessionConfig, { request }: HttpStream, clock: Clock): Session {
  const { state } = config;
  if (state === undefined || !state.concerns(request)) return { config, state: undefined, address: undefined };
  return { config, state, address: state.read(request, clock.wallMs()) };
}

export const statefulSession: HttpFilter<typeof StatefulSessionSchema, { config: SessionConfig; statPrefix: string }> = {
  name: NAME,
  schema: StatefulSessionSchema,
  parse: (message, path) => ({ config: new SessionConfig(message, path), statPrefix: message.statPrefix }),
  routeSchema: StatefulSessionPerRouteSchema,
  parseRoute,
  create({ config: own, statPrefix }, { name, stats, clock }) {
    const sessions = new WeakMap<HttpStream, Session>();
    // without a prefix there are no statistics, as in Envoy
    const scope = statPrefix === '' ? undefined : stats.scope(`stateful_session.${statPrefix}`);
    const routed = scope?.counter('routed');
    const failedOpen = scope?.counter('failed_open');
    const failedClosed = scope?.counter('failed_closed');
    const noSession = scope?.counter('no_session');
    return {
      onRequestHeaders(stream) {
        const route = routeConfig(stream, name, SessionRoute);
        const config = route === undefined ? own : route.config;
        if (config === undefined) return CONTINUE;
        const session = beginSession(config, stream, clock);
        sessions.set(stream, session);
        if (session.address !== undefined) stream.overrideHost = { keys: [session.address], isStrict: config.isStrict };
        return CONTINUE;
      },
      onResponseHeaders(stream) {
        const session = sessions.get(stream);
        const { response, info } = stream;
        if (session === undefined || response === undefined) return CONTINUE;
        const { state, config, address } = session;
        const host = info.upstream?.key;
        if (host === undefined) {
          const isClosed = state !== undefined && config.isStrict && (info.flags & NO_HEALTHY_UPSTREAM) !== 0;
          if (isClosed && failedClosed !== undefined) failedClosed.value++;
          return CONTINUE;
        }
        const isSame = host === address;
        const counter = state === undefined ? noSession : isSame ? routed : config.isStrict ? undefined : failedOpen;
        if (counter !== undefined) counter.value++;
        if (state !== undefined && !isSame) state.write(response, host, clock.wallMs());
        return CONTINUE;
      },
    };
  },
};

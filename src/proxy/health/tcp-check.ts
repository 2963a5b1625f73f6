/** Health checks by connecting, and by bytes sent and awaited. Envoy: HealthCheck.TcpHealthCheck. */
import { ConfigError } from '../../core/errors.ts';
import type { Connection } from '../../net/connection.ts';
import { type ProxyProtocolConfig, ProxyProtocolConfig_Version as Version } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import type { HealthCheck_TcpHealthCheck as TcpHealthCheck } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { sourceTo } from '../cluster/source-address.ts';
import type { CheckResult } from './check-state.ts';
import { holdsPayloads, readPayload, readPayloads } from './payload.ts';
import { failed, type Probe, type ProbeKind, type ProbeTarget } from './probe.ts';

interface TcpCheck {
  readonly send: Buffer | undefined;
  readonly receive: readonly Buffer[];
  /** The PROXY header before what is sent. */
  readonly header: ((connection: Connection) => Buffer) | undefined;
}

/** Bytes awaited at most: an answer that has not come within them does not come. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** PROXY protocol, section 2.1. */
function version1({ local, remote }: Connection): Buffer {
  const family = remote.host.includes(':') ? 'TCP6' : 'TCP4';
  return Buffer.from(`PROXY ${family} ${local.host} ${remote.host} ${local.port} ${remote.port}\r\n`, 'latin1');
}

/** PROXY protocol, section 2.2: version 2, LOCAL, no addresses: the proxy speaks for itself. */
const VERSION2_LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

function readHeader(config: ProxyProtocolConfig | undefined, path: string): TcpCheck['header'] {
  if (config === undefined) return undefined;
  if (config.passThroughTlvs !== undefined || config.addedTlvs.length > 0)
    throw new ConfigError(path, 'TLVs have no place in health checks: only version is supported by Tulle');
  return config.version === Version.V2 ? () => VERSION2_LOCAL : version1;
}

/** Checks over one connection, which is kept where an answer is awaited. */
class TcpProbe implements Probe {
  readonly #check: TcpCheck;
  readonly #target: ProbeTarget;
  readonly #onResult: (result: CheckResult) => void;
  #connection: Connection | undefined = undefined;
  #isAsking = false;
  #received: Buffer = Buffer.alloc(0);
  /** Which connection counts; former ones are closed as they come. */
  #dial = 0;

  constructor(check: TcpCheck, target: ProbeTarget, onResult: (result: CheckResult) => void) {
    this.#check = check;
    this.#target = target;
    this.#onResult = onResult;
  }

  start(): void {
    this.#isAsking = true;
    this.#received = Buffer.alloc(0);
    if (this.#connection === undefined) this.#connect();
    else this.#send(this.#connection);
  }

  cancel(): void {
    this.#isAsking = false;
    this.#drop();
  }

  close(): void {
    this.cancel();
  }

  #drop(): void {
    this.#dial++;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
  }

  #finish(result: CheckResult): void {
    if (!this.#isAsking) return;
    this.#isAsking = false;
    this.#onResult(result);
  }

  #connect(): void {
    const { host, cluster, timeoutMs, alpn } = this.#target;
    const dial = ++this.#dial;
    const bind = sourceTo(cluster.sourceAddresses, host.address.host);
    const options = { timeoutMs, ...(alpn.length === 0 ? {} : { alpn }), ...(bind === undefined ? {} : { bind }) };
    host.transport.connect(host, options, {
      onConnect: (connection) => {
        if (dial !== this.#dial) return connection.destroy();
        this.#connection = connection;
        this.#connected(connection);
      },
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#ended(dial),
      onClose: () => this.#ended(dial),
      onDrain() {},
    });
  }

  #connected(connection: Connection): void {
    if (this.#check.receive.length > 0) return this.#send(connection);
    this.#drop();
    this.#finish({ kind: 'passed', isDegraded: false });
  }

  #send(connection: Connection): void {
    const { header, send } = this.#check;
    if (header !== undefined) connection.writeBytes(header(connection), true);
    if (send !== undefined) connection.writeBytes(send, true);
  }

  #onData(bytes: Uint8Array): void {
    if (!this.#isAsking) return;
    this.#received = Buffer.concat([this.#received, bytes]).subarray(0, MAX_ANSWER_BYTES);
    if (!holdsPayloads(this.#check.receive, this.#received)) return;
    if (!this.#target.reusesConnection) this.#drop();
    this.#finish({ kind: 'passed', isDegraded: false });
  }

  #ended(dial: number): void {
    if (dial !== this.#dial) return;
    this.#drop();
    // Envoy: a connection that ends between two checks says that the host is gone, too
    this.#isAsking = false;
    this.#onResult(failed('NETWORK'));
  }
}

/** Prepares `tcp_health_check`; `path` is its own. Throws ConfigError. */
export function readTcpCheck(config: TcpHealthCheck, path: string): ProbeKind {
  const check: TcpCheck = {
    send: config.send && readPayload(config.send, `${path}.send`),
    receive: readPayloads(config.receive, `${path}.receive`),
    header: readHeader(config.proxyProtocolConfig, `${path}.proxy_protocol_config`),
  };
  return { type: 'TCP', create: (target, onResult) => new TcpProbe(check, target, onResult) };
}

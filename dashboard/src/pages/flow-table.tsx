/** Requests and connections as proxies told of them; a row opens to tell all. */
import { useState } from 'preact/hooks';
import type { Flow, FlowEnd } from '../../../src/model/flow.ts';
import { proxyNameOf } from '../../../src/model/node-id.ts';
import { bytesText, clockText, durationText } from '../model/format.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Icon } from '../ui/icon.tsx';
import { SourceLink } from '../ui/source-link.tsx';

const TONES: Readonly<Record<Flow['verdict'], Tone>> = { forwarded: 'ok', denied: 'warn', failed: 'bad' };

/** Unique: ids are, of one proxy. */
function flowKey({ id, proxy, reporter, startMs }: Flow): string {
  return `${id} ${proxy} ${reporter} ${startMs}`;
}

/** `shop/web`, or the address of who has no name. */
export function endText({ namespace, workload, address }: FlowEnd): string {
  return workload === '' ? address || 'unknown' : `${namespace}/${workload}`;
}

function statusTone(status: number): Tone {
  return status === 0 || status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'ok';
}

function Outcome({ flow: { request, verdict, flags, bytesReceived, bytesSent, isOpen } }: { readonly flow: Flow }) {
  const { status = 0, grpcStatus } = request ?? {};
  return (
    <>
      {request === undefined ? <span class="muted">{`${bytesText(bytesReceived)} in, ${bytesText(bytesSent)} out`}</span> : null}
      {request === undefined || (isOpen === true && status === 0) ? null : (
        <Badge tone={statusTone(status)}>{status === 0 ? 'none' : String(status)}</Badge>
      )}{' '}
      {grpcStatus === undefined ? null : <Badge tone={grpcStatus === 0 ? 'ok' : 'bad'}>{`grpc ${grpcStatus}`}</Badge>}{' '}
      {isOpen === true ? <Badge tone="accent">open</Badge> : null}{' '}
      {verdict === 'forwarded' ? null : <Badge tone={TONES[verdict]}>{verdict}</Badge>}{' '}
      {flags.length === 0 ? null : <span class="muted">{flags.join(' ')}</span>}
    </>
  );
}

function Details({ flow }: { readonly flow: Flow }) {
  const {
    id,
    proxy,
    source,
    destination,
    cluster,
    details,
    policy,
    route,
    routeOrigin,
    traceId,
    bytesSent,
    bytesReceived,
    upstreamMs,
    durationMs,
    request,
    service,
  } = flow;
  const rows: readonly (readonly [string, string])[] = [
    ['Request id', id],
    ['Told by', `${flow.reporter}, ${proxyNameOf(proxy)}`],
    ['From', `${endText(source)} ${source.address} ${source.principal}`],
    ['To', `${endText(destination)} ${destination.address} ${destination.principal}`],
    ['Service', service],
    ['Route', route],
    ['Cluster', cluster],
    ['Details', details],
    [
      'Time',
      upstreamMs === undefined
        ? durationText(durationMs)
        : `${durationText(durationMs)}, of that ${durationText(upstreamMs)} until the first byte of the other side`,
    ],
    ['Bytes', `${bytesText(bytesSent)} sent, ${bytesText(bytesReceived)} received`],
    ['Trace', traceId],
    ...Object.entries(request?.headers ?? {}),
  ];
  return (
    <dl class="flow-details">
      {rows
        .filter(([, value]) => value.trim() !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      {policy === undefined ? null : (
        <div>
          <dt>Policy</dt>
          <dd>
            {`${policy.kind} ${policy.namespace}/${policy.name} `}
            <SourceLink place={policy} />
          </dd>
        </div>
      )}
      {routeOrigin === undefined ? null : (
        <div>
          <dt>Route written in</dt>
          <dd>
            <SourceLink place={routeOrigin} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function FlowRow({ flow }: { readonly flow: Flow }) {
  const [isOpen, setOpen] = useState(false);
  const { startMs, source, destination, request, protocol, durationMs, isMutualTls, verdict } = flow;
  // the caller's proxy has answered by itself
  const isNowhere = !isMutualTls && destination.workload === '' && destination.address === '';
  const what =
    request === undefined ? `${protocol} ${flow.service || destination.address}` : `${request.method} ${request.authority}${request.path}`;
  return (
    <>
      <tr class={`flow is-${verdict}`}>
        <td class="clock">
          <button
            type="button"
            class="row-toggle"
            aria-expanded={isOpen}
            aria-label={`Details of ${what}`}
            onClick={() => setOpen(!isOpen)}
          >
            {clockText(startMs)}
          </button>
        </td>
        <td>{endText(source)}</td>
        <td>
          {isNowhere ? null : isMutualTls ? (
            <span class="lock is-ok" title="mTLS">
              <Icon name="lock" />
            </span>
          ) : (
            <span class="lock is-warn" title="plaintext">
              <Icon name="unlock" />
            </span>
          )}{' '}
          {isNowhere ? <span class="is-quiet">–</span> : endText(destination)}
        </td>
        <td class="flow-what" title={what}>
          {what}
        </td>
        <td>
          <Outcome flow={flow} />
        </td>
        <td class="is-number">{durationText(durationMs)}</td>
      </tr>
      {isOpen ? (
        <tr class="flow-open">
          <td colspan={6}>
            <Details flow={flow} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

export function FlowTable({ flows }: { readonly flows: readonly Flow[] }) {
  return (
    <div class="table-frame">
      <table class="flows" aria-label="Requests">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">Request</th>
            <th scope="col">Outcome</th>
            <th scope="col" class="is-number">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {flows.map((flow) => (
            <FlowRow key={flowKey(flow)} flow={flow} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

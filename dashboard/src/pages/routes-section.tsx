/** Rules for a host: what they match, and where requests go. */
import type { Destination, RouteSet, Rule } from '../model/admin.ts';
import { durationText } from '../model/format.ts';
import { emptyText, usePoll } from '../state/poll.ts';
import { Badge } from '../ui/badge.tsx';
import { Section } from '../ui/page.tsx';
import { SourceLink } from '../ui/source-link.tsx';

const REFRESH_MS = 10_000;

function Destinations({ destinations }: { readonly destinations: readonly Destination[] }) {
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  return (
    <ul class="destinations">
      {destinations.map(({ host, subset, port, weight }) => {
        const share = total === 0 ? 0 : (weight / total) * 100;
        return (
          <li key={`${host} ${subset} ${port ?? ''}`}>
            {destinations.length < 2 ? null : (
              <span class="weight-figure">
                <progress max={100} value={share} aria-label={`weight of ${subset === '' ? host : subset}`} /> {Math.round(share * 10) / 10}
                %
              </span>
            )}
            <span>
              {host}
              {port === undefined ? '' : `:${port}`}
              {subset === '' ? null : <Badge tone="accent">{subset}</Badge>}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function extrasOf({ timeoutMs, retries, fault, mirrors }: Rule): string[] {
  return [
    ...(timeoutMs === undefined ? [] : [`timeout ${durationText(timeoutMs)}`]),
    ...(retries === undefined ? [] : [`${retries} retries`]),
    ...(fault === undefined ? [] : [fault]),
    ...(mirrors ?? []).map(({ host, subset, percent }) => `mirrors ${percent}% to ${subset === '' ? host : `${host} ${subset}`}`),
  ];
}

function actionText({ action, status }: Rule): string {
  return action === 'direct-response' ? `answers ${status ?? ''}` : action === 'redirect' ? `redirects (${status ?? ''})` : '';
}

function RuleRow({ rule, set }: { readonly rule: Rule; readonly set: RouteSet }) {
  const { name, matches, destinations, protocol } = rule;
  return (
    <tr>
      <td>
        {name === '' ? <span class="is-quiet">unnamed</span> : name}
        <div class="muted">{`${set.origin.kind} ${set.name}`}</div>
      </td>
      <td>
        {matches.length === 0 ? (
          <span class="muted">every {protocol === 'http' ? 'request' : 'connection'}</span>
        ) : (
          matches.map((text) => (
            <code key={text} class="match">
              {text}
            </code>
          ))
        )}
      </td>
      <td>
        {destinations.length === 0 ? actionText(rule) : <Destinations destinations={destinations} />}
        {extrasOf(rule).map((text) => (
          <Badge key={text}>{text}</Badge>
        ))}
      </td>
      <td>
        <SourceLink place={rule} />
      </td>
    </tr>
  );
}

function isOf(host: string, { hosts }: RouteSet): boolean {
  return hosts.some((pattern) => pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1))));
}

function leadsTo(host: string, { destinations }: Rule): boolean {
  return destinations.some((destination) => destination.host === host);
}

export function RoutesSection({ host }: { readonly host: string }) {
  const polled = usePoll<{ readonly routes: readonly RouteSet[] }>('/api/routes', REFRESH_MS).value;
  // all of its own, and those of others that lead here
  const rows = (polled.value?.routes ?? []).flatMap((set) =>
    set.rules.filter((rule) => isOf(host, set) || leadsTo(host, rule)).map((rule) => ({ rule, set })),
  );
  return (
    <Section title="Routes" count={rows.length}>
      {rows.length === 0 ? (
        <p class="empty">{emptyText(polled, 'No route says anything of this host: requests go to its endpoints.')}</p>
      ) : (
        <div class="table-frame">
          <table aria-label="Routes">
            <thead>
              <tr>
                <th scope="col">Rule</th>
                <th scope="col">Matches</th>
                <th scope="col">Goes to</th>
                <th scope="col">Written in</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ rule, set }) => (
                <RuleRow key={`${rule.file}:${rule.line}`} rule={rule} set={set} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

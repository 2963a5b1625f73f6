/** Cases: what is written, which proxy asks, and what is asked; read from `cases/`, answers from `recorded/`. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import type { DifferenceName } from './differences.ts';
import type { Json } from './json.ts';
import { USUAL, type World } from './world.ts';

const folder = import.meta.dirname;

/** The proxy that a case is about; a client of namespace default where it says nothing. */
export interface Proxy {
  readonly app: string;
  readonly ip: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** More of the node's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly type: 'sidecar' | 'router';
  /** region/zone/subzone. */
  readonly locality: string;
}

export interface Case {
  readonly topic: string;
  /** The rule that it shows. */
  readonly name: string;
  readonly proxy: Proxy;
  /** Fields of MeshConfig. */
  readonly mesh: Readonly<Record<string, Json>> | undefined;
  readonly world: World;
  /** Resources that both control planes read as they are. */
  readonly config: string;
  readonly ask: readonly string[];
  /** The differences on purpose that the case shows; their answers stand under `tulle` in the record. */
  readonly differs: readonly DifferenceName[];
}

type Resource = { readonly metadata?: { readonly [field: string]: Json } } & { readonly [field: string]: Json };

interface Written extends Partial<Omit<Case, 'proxy' | 'topic' | 'name' | 'world' | 'config'>>, Partial<World> {
  readonly name: string;
  readonly proxy?: Partial<Proxy>;
  /** By kind and name, `VirtualService shop/web`, the spec, with more of its metadata where needed. */
  readonly config?: readonly Readonly<Record<string, Resource>>[];
}

const API_VERSIONS: Readonly<Record<string, string>> = {
  EnvoyFilter: 'networking.istio.io/v1alpha3',
  Telemetry: 'telemetry.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
};

function resourceText(key: string, { metadata, ...spec }: Resource): string {
  const [kind = '', full = ''] = key.split(' ');
  const [name = '', namespace = 'default'] = full.split('/').toReversed();
  const apiVersion = API_VERSIONS[kind] ?? 'networking.istio.io/v1';
  // quoted as YAML 1.1 needs it, which istiod reads
  return stringify({ apiVersion, kind, metadata: { name, namespace, ...metadata }, spec }, { version: '1.1' });
}

/** `<web>` and `<web.shop>` are the full names of Services. */
function expandHosts(text: string): string {
  return text.replaceAll(
    /<([a-z0-9-]+)(?:\.([a-z0-9-]+))?>/g,
    (_, name: string, namespace = 'default') => `${name}.${namespace}.svc.cluster.local`,
  );
}

const CLIENT: Proxy = { app: 'client', ip: '10.0.0.9', namespace: 'default', labels: {}, metadata: {}, type: 'sidecar', locality: '' };

/** Metrics, and what is new of tracers, are for proxies of Istio's own. */
const OF_ISTIO = { ISTIO_VERSION: '1.31.0' };

function caseOf(topic: string, written: Written): Case {
  const app = written.proxy?.app ?? CLIENT.app;
  const metadata = written.proxy?.metadata ?? ((written.ask ?? []).some((question) => question.startsWith('tells')) ? OF_ISTIO : {});
  const proxy = { ...CLIENT, ...written.proxy, labels: { app, ...written.proxy?.labels }, metadata };
  return {
    topic,
    name: written.name,
    proxy,
    mesh: written.mesh,
    world: { services: written.services ?? USUAL.services, pods: written.pods ?? USUAL.pods },
    config: (written.config ?? []).flatMap((one) => Object.entries(one).map(([key, spec]) => resourceText(key, spec))).join('---\n'),
    ask: written.ask ?? [],
    differs: written.differs ?? [],
  };
}

/** Names of the files of cases. */
export function topics(): readonly string[] {
  return globSync('*.yaml', { cwd: path.join(folder, 'cases') })
    .map((name) => path.basename(name, '.yaml'))
    .toSorted();
}

/** The cases of one file. */
export function casesOf(topic: string): readonly Case[] {
  const written: readonly Written[] = parse(expandHosts(readFileSync(path.join(folder, 'cases', `${topic}.yaml`), 'utf8')));
  return written.map((one) => caseOf(topic, one));
}

/** The answers where what is written is not taken at all. */
export const REFUSED: Readonly<Record<string, Json>> = { refused: 'yes' };

/** Answers by case and question. */
export interface Recorded {
  readonly istio: Readonly<Record<string, Json>>;
  /** Ours, of questions where it is another on purpose. */
  readonly tulle?: Readonly<Record<string, Json>>;
}

/** Where the answers of a topic stand. */
export function recordFile(topic: string): string {
  return path.join(folder, 'recorded', `${topic}.yaml`);
}

/** The recorded answers of a topic, by case. */
export function recordedOf(topic: string): Readonly<Record<string, Recorded>> {
  const file = recordFile(topic);
  return existsSync(file) ? parse(readFileSync(file, 'utf8')) : {};
}

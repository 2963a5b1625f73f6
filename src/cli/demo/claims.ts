/** What the demo claims of a mesh, one function a claim: each sends real requests and says what it saw. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ask, askMany, speakPlaintext, type Answer } from './client.ts';
import { callGrpc } from './grpc-client.ts';

const GATEWAY = { port: 8080 } as const;

/** What a claim came to: whether it holds, and what was observed. */
interface Observation {
  readonly holds: boolean;
  readonly saw: string;
}

interface Claim {
  readonly title: string;
  check(stateDir: string): Promise<Observation>;
}

interface Instance {
  readonly id: string;
  readonly namespace: string;
  readonly address: string;
  readonly ports: readonly { readonly listen: number }[];
}

const product = (index: number, headers: Record<string, string> = {}): Promise<Answer> => ask(GATEWAY, `/products/${index}`, { headers });

/** Statuses and how often each came, `200 x 60`. */
function tally(answers: readonly Answer[]): string {
  const counts = new Map<number, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status} x ${count}`)
    .join(', ');
}

interface Page {
  readonly reviews: { readonly body: { readonly version?: string; readonly traceparent?: string } };
  readonly stock: { readonly status: number; readonly body: { readonly instance?: string } };
}

function pages(answers: readonly Answer[]): Page[] {
  return answers.filter(({ status }) => status === 200).map(({ text }): Page => JSON.parse(text));
}

async function instancesOf(stateDir: string, workload: string): Promise<Instance[]> {
  const { text } = await ask({ socketPath: path.join(stateDir, 'admin.sock') }, '/api/instances');
  const { instances }: { instances: Instance[] } = JSON.parse(text);
  // folders and logs of an instance are named by both: an id is unique in its namespace only
  return instances
    .filter(({ id }) => id.startsWith(workload))
    .map((instance) => ({ ...instance, id: `${instance.id}.${instance.namespace}` }));
}

/** Prometheus lines of an instance's proxy that carry every one of `parts`, summed. */
async function metric(stateDir: string, instance: string, parts: readonly string[]): Promise<number> {
  const { text } = await ask({ socketPath: path.join(stateDir, 'proxies', instance, 'admin.sock') }, '/stats/prometheus');
  const lines = text.split('\n').filter((line) => parts.every((part) => line.includes(part)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

interface LogEntry {
  /** What the format of `mesh.yaml` makes of the metadata that a denial leaves. */
  readonly policy?: { readonly policy: string; readonly file: string; readonly line: number } | null;
}

/** Last access-log entry of an instance's proxy for a path. */
function logged(stateDir: string, instance: string, requestPath: string): LogEntry | undefined {
  const lines = readFileSync(path.join(stateDir, 'logs', `${instance}.log`), 'utf8').split('\n');
  const line = lines.findLast((text) => text.includes(`"path":"${requestPath}"`));
  return line === undefined ? undefined : JSON.parse(line.slice(line.indexOf('{')));
}

const retry: Claim = {
  title: 'retries hide a flaky dependency',
  async check() {
    const answers = await askMany(60, (i) => product(i));
    const counts: { asked: number; failed: number } = JSON.parse((await ask(GATEWAY, '/counts')).text);
    const holds = answers.every(({ status }) => status === 200) && counts.failed > 0;
    return { holds, saw: `through the gateway: ${tally(answers)}; the catalog itself failed ${counts.failed} of ${counts.asked} calls` };
  },
};

const canary: Claim = {
  title: 'a canary gets a tenth of the traffic, and all of it by header',
  async check() {
    const seen = pages(await askMany(300, (i) => product(i)));
    const v2 = seen.filter(({ reviews }) => reviews.body.version === 'v2').length;
    const asked = pages(await askMany(40, (i) => product(i, { 'x-canary': 'true' })));
    const v2ByHeader = asked.filter(({ reviews }) => reviews.body.version === 'v2').length;
    // 300 draws at 10 %: 12 to 54 leaves out less than one run in 100,000
    const holds = seen.length === 300 && v2 >= 12 && v2 <= 54 && asked.length === 40 && v2ByHeader === 40;
    return { holds, saw: `reviews v2 answered ${v2} of ${seen.length} by weight 10, ${v2ByHeader} of ${asked.length} with x-canary: true` };
  },
};

const ejection: Claim = {
  title: 'an instance that fails is left alone',
  async check(stateDir) {
    await askMany(30, (i) => product(i));
    const seen = pages(await askMany(60, (i) => product(i)));
    const broken = seen.filter(({ stock }) => stock.status !== 200).length;
    const [frontend] = await instancesOf(stateDir, 'frontend');
    const ejected = await metric(stateDir, frontend?.id ?? '', ['outlier_detection_ejections_active', 'inventory']);
    return {
      holds: seen.length === 60 && broken === 0 && ejected === 1,
      saw: `${broken} of ${seen.length} calls met the broken inventory; hosts ejected: ${ejected}`,
    };
  },
};

const denied: Claim = {
  title: 'a policy denies what it does not allow, and says who it was',
  async check(stateDir) {
    const allowed = await ask(GATEWAY, '/checkout', { method: 'POST' });
    const refused = await ask(GATEWAY, '/ledger');
    const [payments] = await instancesOf(stateDir, 'payments');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const entry = logged(stateDir, payments?.id ?? '', '/ledger');
    const policy = entry?.policy ? `${entry.policy.policy}, ${entry.policy.file}:${entry.policy.line}` : 'nobody that the log names';
    const holds =
      allowed.status === 201 && refused.status === 403 && policy.includes('payments-nobody') && /security\.yaml:\d+$/.test(policy);
    return { holds, saw: `POST /checkout ${allowed.status}; GET /ledger ${refused.status} ${refused.text.trim()}; denied by ${policy}` };
  },
};

const mtls: Claim = {
  title: 'between services everything is mutual TLS, and plaintext is refused',
  async check(stateDir) {
    const [payments] = await instancesOf(stateDir, 'payments');
    const secured = await metric(stateDir, payments?.id ?? '', [
      'istio_requests_total',
      'connection_security_policy="mutual_tls"',
      'sa/frontend',
    ]);
    const plain = await metric(stateDir, payments?.id ?? '', ['istio_requests_total', 'connection_security_policy="none"']);
    const answer = await speakPlaintext(payments?.address ?? '', payments?.ports[0]?.listen ?? 0);
    const holds = secured > 0 && plain === 0 && answer === '';
    return {
      holds,
      saw: `payments took ${secured} requests over mTLS from frontend, ${plain} in plaintext; a plaintext call got ${answer === '' ? 'its connection closed' : JSON.stringify(answer.slice(0, 40))}`,
    };
  },
};

const multiplexed: Claim = {
  title: 'between proxies HTTP/1.1 travels as HTTP/2, many requests on one connection',
  async check(stateDir) {
    const [frontend] = await instancesOf(stateDir, 'frontend');
    const [reviews] = await instancesOf(stateDir, 'reviews-v1');
    const outbound = (name: string): Promise<number> =>
      metric(stateDir, frontend?.id ?? '', [`envoy_cluster_${name}{`, '|v1|reviews.shop.']);
    const inbound = (name: string): Promise<number> => metric(stateDir, reviews?.id ?? '', [`envoy_cluster_${name}{`, 'inbound|9081||']);
    const requests = await outbound('upstream_rq_total');
    const connections = await outbound('upstream_cx_http2_total');
    const spokenDown = await inbound('upstream_cx_http2_total');
    const holds =
      requests > 100 && connections > 0 && connections <= 2 && (await outbound('upstream_cx_http1_total')) === 0 && spokenDown === 0;
    return {
      holds,
      saw: `frontend's proxy sent ${requests} requests to reviews v1 over ${connections} HTTP/2 connection${connections === 1 ? '' : 's'}; both applications speak HTTP/1.1`,
    };
  },
};

const grpc: Claim = {
  title: 'gRPC passes, with its messages and its status',
  async check(stateDir) {
    const price = await callGrpc(GATEWAY.port, '/shop.Prices/Get', '7');
    const unknown = await callGrpc(GATEWAY.port, '/shop.Prices/Haggle', '7');
    const [prices] = await instancesOf(stateDir, 'prices');
    const secured = await metric(stateDir, prices?.id ?? '', ['istio_requests_total', 'request_protocol="grpc"', '"mutual_tls"']);
    return {
      holds: price.status === 0 && price.field === 790 && unknown.status === 12 && secured >= 2,
      saw: `Prices/Get answered ${price.field} cents with status ${price.status}, Prices/Haggle status ${unknown.status}; prices took ${secured} calls over mTLS`,
    };
  },
};

const measured: Claim = {
  title: 'every hop is measured and traced, without a line of code',
  async check(stateDir) {
    const [frontend] = await instancesOf(stateDir, 'frontend');
    const counted = await metric(stateDir, frontend?.id ?? '', [
      'istio_requests_total',
      'reporter="source"',
      'destination_canonical_service="reviews"',
      'response_code="200"',
    ]);
    const [page] = pages([await product(1)]);
    const trace = page?.reviews.body.traceparent ?? '';
    return {
      holds: counted > 300 && /^00-[0-9a-f]{32}-/.test(trace),
      saw: `istio_requests_total frontend to reviews: ${counted}; the reviews saw traceparent ${trace}`,
    };
  },
};

/** Checks every claim in order and prints each; returns how many do not hold. */
export async function checkClaims(stateDir: string, print: (line: string) => void): Promise<number> {
  let failures = 0;
  for (const claim of [retry, canary, ejection, denied, mtls, multiplexed, grpc, measured]) {
    const { holds, saw } = await claim.check(stateDir).catch((error: unknown): Observation => ({ holds: false, saw: String(error) }));
    if (!holds) failures++;
    print(`${holds ? 'holds' : 'FAILS'}  ${claim.title}\n       ${saw}`);
  }
  return failures;
}

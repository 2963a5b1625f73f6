import { type Case, join, resource, served, testCases } from '../testing/cases.ts';

const sidecar = (spec: string, namespace = 'shop'): string =>
  resource('Sidecar', 'one', spec, 'networking.istio.io/v1').replace('namespace: shop', `namespace: ${namespace}`);
const WEB = served('web');
const upstream = `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: caller, namespace: shop, labels: { app: caller } }
spec: { command: [x], upstreams: [{ host: web, port: 80, localPort: 9000 }] }`;

const CASES: readonly Case[] = [
  {
    code: 'TUL225',
    name: 'a host that no service has',
    bad: join(WEB, sidecar('{ egress: [{ hosts: ["./wbe.shop.svc.cluster.local"] }] }')),
    at: 'wbe',
    says: /names nothing that the workloads could see, so that requests to it go the way of unknown hosts/,
    good: join(WEB, sidecar('{ egress: [{ hosts: ["./web.shop.svc.cluster.local"] }] }')),
  },
  {
    code: 'TUL225',
    name: 'a host in the wrong namespace',
    bad: join(WEB, sidecar('{ egress: [{ hosts: ["office/web.shop.svc.cluster.local"] }] }')),
    at: 'office/web',
    says: /the host is in namespace shop/,
    good: join(WEB, sidecar('{ egress: [{ hosts: ["*/web.shop.svc.cluster.local"] }] }')),
  },
  {
    code: 'TUL225',
    name: 'an exclusion of nothing',
    bad: join(WEB, sidecar('{ egress: [{ hosts: ["*/*", "~office/*"] }] }')),
    at: '~office',
    says: /it hides nothing/,
    good: join(WEB, sidecar('{ egress: [{ hosts: ["*/*", "~shop/*"] }] }')),
  },
  {
    code: 'TUL226',
    name: 'a port that the hosts do not have',
    bad: join(WEB, sidecar('{ egress: [{ port: { number: 81, protocol: HTTP }, hosts: ["./*"] }] }')),
    at: '81',
    says: /no host of the listener has port 81 \(they have 80\): it is not opened/,
    good: join(WEB, sidecar('{ egress: [{ port: { number: 80, protocol: HTTP }, hosts: ["./*"] }] }')),
  },
  {
    code: 'TUL227',
    name: 'an upstream that is hidden',
    bad: join(WEB, upstream, sidecar('{ egress: [{ hosts: ["~/*"] }] }')),
    at: 'upstreams',
    says: /Sidecar shop\/one does not show "web\.shop\.svc\.cluster\.local" to this workload: connections to 127\.0\.0\.1:9000 are refused/,
    good: join(WEB, upstream, sidecar('{ egress: [{ hosts: ["./*"] }] }')),
  },
  {
    code: 'TUL228',
    name: 'an egress proxy that is hidden',
    bad: join(
      WEB,
      sidecar(
        '{ egress: [{ hosts: ["~/*"] }], outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: web.shop.svc.cluster.local, port: { number: 80 } } } }',
      ),
    ),
    at: 'egressProxy',
    says: /is not among the hosts that the Sidecar shows: calls of unknown hosts are answered with 503/,
    good: join(
      WEB,
      sidecar(
        '{ egress: [{ hosts: ["./*"] }], outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: web.shop.svc.cluster.local, port: { number: 80 } } } }',
      ),
    ),
  },
];

testCases(CASES);

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDump } from '../proxy-config/dump.ts';
import { differences, type Intended } from './difference.ts';
import { renderDifferences } from './render.ts';

function dumpOf(sections: Readonly<Record<string, unknown>>): ReturnType<typeof readDump> {
  const configs = Object.entries(sections).map(([type, lists]) => ({
    '@type': `type.googleapis.com/envoy.admin.v3.${type}`,
    ...Object(lists),
  }));
  return readDump(JSON.stringify({ configs }));
}

const listener = (name: string, more = {}): { name: string; active_state: object } => ({
  name,
  active_state: { version_info: '1', listener: { '@type': 't/Listener', name, ...more } },
});
const meant = (kind: Intended['kind'], name: string, json = {}): Intended => ({ kind, name, json: { name, ...json } });

const CASES: readonly {
  readonly name: string;
  readonly intended: readonly Intended[];
  readonly dump: Readonly<Record<string, unknown>>;
  readonly isOnDemand?: true;
  readonly want: readonly string[];
}[] = [
  {
    name: 'the same, in another order of fields',
    intended: [meant('listeners', 'a', { x: 1, y: { b: 1, a: 2 } })],
    dump: { ListenersConfigDump: { dynamic_listeners: [listener('a', { y: { a: 2, b: 1 }, x: 1 })] } },
    want: [],
  },
  {
    name: 'another content',
    intended: [meant('listeners', 'a', { x: 1 })],
    dump: { ListenersConfigDump: { dynamic_listeners: [listener('a', { x: 2 })] } },
    want: ['listeners a different'],
  },
  {
    name: 'what only one side has',
    intended: [meant('listeners', 'a'), meant('clusters', 'c')],
    dump: {
      ListenersConfigDump: { static_listeners: [{ listener: { name: 's' } }], dynamic_listeners: [listener('b')] },
      SecretsConfigDump: { dynamic_active_secrets: [{ name: 'default' }] },
    },
    want: ['listeners a missing', 'clusters c missing', 'listeners b unknown'],
  },
  {
    name: 'what comes on demand',
    intended: [meant('clusters', 'c'), meant('endpoints', 'c'), meant('routes', '80'), meant('listeners', 'a')],
    dump: {},
    isOnDemand: true,
    want: ['listeners a missing'],
  },
  {
    name: 'a listener that was refused, its former version in force',
    intended: [meant('listeners', 'a')],
    dump: {
      ListenersConfigDump: { dynamic_listeners: [{ ...listener('a'), error_state: { details: 'no' } }] },
    },
    want: ['listeners a refused no'],
  },
  {
    name: 'endpoints as Envoy fills them in',
    intended: [
      meant('endpoints', 'c', {
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '::1', port_value: 1 } } } }] }],
      }),
    ],
    dump: {
      EndpointsConfigDump: {
        dynamic_endpoint_configs: [
          {
            endpoint_config: {
              cluster_name: 'c',
              policy: { overprovisioning_factor: 140 },
              endpoints: [
                {
                  locality: {},
                  lb_endpoints: [
                    {
                      endpoint: { address: { socket_address: { address: '::1', port_value: 1 } }, health_check_config: {} },
                      health_status: 'HEALTHY',
                      load_balancing_weight: 1,
                    },
                  ],
                },
              ],
            },
          },
        ],
      },
    },
    want: [],
  },
];

for (const { name, intended, dump, isOnDemand = false, want } of CASES) {
  test(`proxy-status: ${name}`, () => {
    const found = differences(intended, dumpOf(dump), isOnDemand);
    assert.deepEqual(
      found.map(({ kind, name: own, what, reason }) => `${kind} ${own} ${what} ${reason}`.trim()),
      want,
    );
  });
}

test('a difference is shown as a diff from the control plane to the proxy', () => {
  const dump = dumpOf({ ListenersConfigDump: { dynamic_listeners: [listener('a', { x: 2 })] } });
  const text = renderDifferences(dump, differences([meant('listeners', 'a', { x: 1 })], dump, false));
  assert.match(text, /^clusters match \(0\)\nlisteners do not match: 1 of 1\n/);
  assert.match(
    text,
    /\n--- control plane: listeners a\n\+\+\+ proxy: listeners a\n@@ [^\n]* @@\n \{\n {3}"name": "a",\n- {2}"x": 1\n\+ {2}"x": 2\n \}\n$/,
  );
});

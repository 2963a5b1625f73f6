/** Random JSON of a message type, with values of every kind, right ones and wrong ones. */
import type { DescField, DescMessage, JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';

const DEPTH_MAX = 4;

const SCALARS = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.boolean(),
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom<JsonValue>(
    4_294_967_295,
    4_294_967_296,
    -2_147_483_648,
    0.5,
    1e300,
    2 ** 53,
    '7',
    '-7',
    '1.5',
    'NaN',
    'aGk=',
    null,
    [],
    {},
    '\ud800',
  ),
);

const WELL_KNOWN: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  'google.protobuf.Duration': fc.constantFrom('1s', '0.250s', '-3s', 'x', 5),
  'google.protobuf.Timestamp': fc.constantFrom('2026-01-01T00:00:00Z', 'yesterday'),
  'google.protobuf.Struct': fc.constantFrom<JsonValue>({}, { a: [1, 'b', null, { c: true }] }, [], 'x'),
  'google.protobuf.Value': fc.constantFrom<JsonValue>(null, 1, 'x', [1], { a: null }),
  'google.protobuf.Any': fc.constantFrom<JsonValue>({ '@type': 'x/envoy.config.core.v3.Pipe', path: '/p' }, { '@type': 'x/none.Such' }, 1),
};

function scalarOf(field: DescField): fc.Arbitrary<JsonValue> {
  if (field.enum !== undefined)
    return fc.oneof(fc.constantFrom<JsonValue>(...field.enum.values.map(({ name }) => name), 0, 99, 'NONE'), SCALARS);
  // mostly what fits, or else no message would be right as a whole
  const fitting: Readonly<Record<number, fc.Arbitrary<JsonValue>>> = {
    8: fc.boolean(),
    9: fc.string({ maxLength: 5 }),
    12: fc.constantFrom('aGk=', ''),
  };
  return fc.oneof(
    { weight: 20, arbitrary: fitting[field.scalar ?? 0] ?? fc.integer({ min: 0, max: 9 }) },
    { weight: 1, arbitrary: SCALARS },
  );
}

function valueOf(field: DescField, depth: number): fc.Arbitrary<JsonValue> {
  const { message } = field;
  if (message === undefined) return scalarOf(field);
  const wellKnown = WELL_KNOWN[message.typeName];
  if (wellKnown !== undefined) return wellKnown;
  const [value] = message.fields;
  if (message.typeName.startsWith('google.protobuf.') && value !== undefined) return scalarOf(value);
  return depth >= DEPTH_MAX ? fc.constant({}) : anyJson(message, depth + 1);
}

function fieldJson(field: DescField, depth: number): fc.Arbitrary<JsonValue> {
  const value = valueOf(field, depth);
  if (field.fieldKind === 'list') return fc.array(value, { maxLength: 2 });
  if (field.fieldKind === 'map') return fc.dictionary(fc.constantFrom('a', 'b', '1', '__proto__'), value, { maxKeys: 2 });
  return value;
}

/** JSON for a message of `desc`: a few of its fields, named in both ways. */
export function anyJson(desc: DescMessage, depth = 0): fc.Arbitrary<JsonValue> {
  const chosen = fc.uniqueArray(fc.nat({ max: Math.max(0, desc.fields.length - 1) }), { maxLength: 3 });
  return chosen.chain((indexes) => {
    const entries = indexes.flatMap((index) => {
      const field = desc.fields[index];
      return field === undefined ? [] : [fc.tuple(fc.constantFrom(field.name, field.jsonName), fieldJson(field, depth))];
    });
    return fc.tuple(...entries).map((all): JsonValue => Object.fromEntries(all));
  });
}

import type { HeaderOperations, Headers } from '../../../model/route.ts';
import { defaulted, list, map, object, optional, string, type Infer } from '../../schema/schema.ts';

const valuesSchema = map(string({ mayBeEmpty: true }), 'settable-header');

const operationsSchema = object({
  set: defaulted(valuesSchema, {}, 'Headers that replace those of the same name.'),
  add: defaulted(valuesSchema, {}, 'Headers that are appended.'),
  remove: defaulted(list(string({ format: 'header-name' })), [], 'Headers that are taken out.'),
});

/** Changes to headers, for a route or one of its destinations. */
export const headersSchema = object({
  request: optional(operationsSchema, 'Changes before the request is sent on.'),
  response: optional(operationsSchema, 'Changes before the response is sent back.'),
});

const NOTHING: HeaderOperations = { set: [], add: [], remove: [] };

function lowerOperations(written: Infer<typeof operationsSchema> | undefined): HeaderOperations {
  if (written === undefined) return NOTHING;
  const lower = (values: Readonly<Record<string, string>>): HeaderOperations['set'] =>
    Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]);
  return { set: lower(written.set), add: lower(written.add), remove: written.remove.map((name) => name.toLowerCase()) };
}

/** The changes in the model. */
export function lowerHeaders(written: Infer<typeof headersSchema> | undefined): Headers | undefined {
  if (written === undefined) return undefined;
  return { request: lowerOperations(written.request), response: lowerOperations(written.response) };
}

/**
 * Instances without a proxy (`inject: false`), which nobody's stream speaks for: whoever runs them puts them here, and
 * again before `LEASE_MS` is over, so that they leave when he dies and come back when the control plane does.
 */
import { ConfigError, ProtocolError } from '../../core/errors.ts';
import { heldInstance } from '../instance.ts';
import { checkName, checkPrivate, type Exchange, readBody } from './exchange.ts';

/** How long an instance stays that is not put again. */
const LEASE_MS = 15_000;

function keyOf({ pathname }: Exchange): { namespace: string; id: string } {
  const [, , , namespace, id] = pathname.split('/');
  return { namespace: checkName(namespace, 'namespace'), id: checkName(id, 'id') };
}

/** `PUT /api/instances/<namespace>/<id>`. */
export async function putInstance(exchange: Exchange): Promise<object> {
  checkPrivate(exchange, 'instances are put');
  const key = keyOf(exchange);
  try {
    exchange.state.registry.put(heldInstance(key, await readBody(exchange.request)), LEASE_MS);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ProtocolError('bad_instance', 400, error.message);
  }
  return { leaseMs: LEASE_MS };
}

/** `DELETE /api/instances/<namespace>/<id>`. */
export function deleteInstance(exchange: Exchange): object {
  checkPrivate(exchange, 'instances are deleted');
  return { deleted: exchange.state.registry.delete(keyOf(exchange)) };
}

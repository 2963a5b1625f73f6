/** Who wrote what a proxy has, as far as its metadata says. */
import { type JsonObject, objectAt, textOf } from '../json.ts';

/** `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews`, as istiod has it. */
const ISTIO = /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/;

/** `VirtualService shop/reviews [routes.yaml:12]`, of istiod's `reviews.shop`, '' where nothing is said. */
export function originOf(message: JsonObject): string {
  const all = objectAt(message, 'metadata', 'filter_metadata');
  const { kind, namespace, name, file, line } = objectAt(all, 'tulle');
  if (textOf(kind) !== '') {
    const place = textOf(file) === '' ? '' : ` [${textOf(file)}:${textOf(line)}]`;
    return `${textOf(kind)} ${textOf(namespace) === '' ? '' : `${textOf(namespace)}/`}${textOf(name)}${place}`;
  }
  const [, istioNamespace, istioName] = ISTIO.exec(textOf(objectAt(all, 'istio')['config'])) ?? [];
  return istioName === undefined ? '' : `${istioName}.${istioNamespace}`;
}

/** What labels of Istio's metrics say in place of a value: proxies write them, the control plane reads them. */

/** Of what is not known. Source: Istio, standard metrics. */
export const UNKNOWN = 'unknown';
/** In every label of the series that counts what is beyond a proxy's cap. */
export const OVERFLOW = 'overflow';

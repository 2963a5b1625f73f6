/** Versions that Istio serves; they hold the same fields. */
export const NETWORKING = ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'] as const;
export const SECURITY = ['security.istio.io/v1', 'security.istio.io/v1beta1'] as const;
export const TELEMETRY = ['telemetry.istio.io/v1', 'telemetry.istio.io/v1alpha1'] as const;

import type { Locality } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

/** A locality as `region/zone/sub_zone`, which is what localities are compared by. */
export function localityText(locality: Locality | undefined): string {
  const { region = '', zone = '', subZone = '' } = locality ?? {};
  return `${region}/${zone}/${subZone}`;
}

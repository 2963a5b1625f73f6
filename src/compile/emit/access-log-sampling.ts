/** Which requests are logged where not all are: a share of them, and everything that failed or was slow. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { LogSampling } from '../../model/mesh.ts';
import {
  type AccessLogFilter,
  AccessLogFilterSchema,
  ComparisonFilter_Op as Op,
  GrpcStatusFilter_Status as GrpcStatus,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FractionalPercent_DenominatorType as Denominator } from '../../xds/gen/envoy/type/v3/percent_pb.ts';

type Specifier = MessageInitShape<typeof AccessLogFilterSchema>['filterSpecifier'];

const filter = (filterSpecifier: NonNullable<Specifier>): AccessLogFilter => create(AccessLogFilterSchema, { filterSpecifier });

/** What all of `filters` let pass. */
export function allOf(filters: AccessLogFilter[]): AccessLogFilter {
  return filter({ case: 'andFilter', value: { filters } });
}

/** Envoy wants a key of its runtime for every number, which could say otherwise there. */
const KEY = 'tulle.access_log_sampling';

function atLeast(what: 'statusCodeFilter' | 'durationFilter', name: string, value: number): AccessLogFilter {
  const comparison = { op: Op.GE, value: { defaultValue: value, runtimeKey: `${KEY}.${name}` } };
  return filter({ case: what, value: { comparison } });
}

/** Calls of gRPC that failed: their HTTP status is 200. Others have no status of gRPC, which would count as a failure. */
function failedGrpc(): AccessLogFilter {
  const type = {
    name: 'content-type',
    headerMatchSpecifier: { case: 'stringMatch' as const, value: { matchPattern: { case: 'prefix' as const, value: 'application/grpc' } } },
  };
  return allOf([
    filter({ case: 'headerFilter', value: { header: type } }),
    filter({ case: 'grpcStatusFilter', value: { statuses: [GrpcStatus.OK], exclude: true } }),
  ]);
}

/** The filter for `sampling`: whatever one of its parts lets pass is logged. */
export function sampleFilter({ percent, errorsFrom, slowerThanMs }: LogSampling): AccessLogFilter {
  const percentSampled = { numerator: Math.round(percent * 10_000), denominator: Denominator.MILLION };
  const filters = [
    atLeast('statusCodeFilter', 'errors_from', errorsFrom),
    filter({ case: 'responseFlagFilter', value: {} }),
    failedGrpc(),
    ...(slowerThanMs === undefined ? [] : [atLeast('durationFilter', 'slower_than', slowerThanMs)]),
    filter({ case: 'runtimeFilter', value: { runtimeKey: `${KEY}.share`, percentSampled } }),
  ];
  return filter({ case: 'orFilter', value: { filters } });
}

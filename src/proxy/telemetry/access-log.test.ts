import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { create, type DescMessage, fromJson, type JsonObject, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { until } from '../../core/testing/eventually.ts';
import { type AccessLog, AccessLogSchema, AccessLogFilterSchema } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { TcpGrpcAccessLogConfigSchema } from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import type { LogScope } from './log-service/settings.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import { bytesOf } from './byte-text.ts';
import { createAccessLogs } from './access-log.ts';
import { createLogSink, type LogSink } from './log-sink.ts';
import { createStats } from './registry.ts';
import { fakeInfo, fakeRequest } from './testing/fake-stream.ts';

/** Istio's default line. */
const ISTIO =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

function logOf<S extends DescMessage>(schema: S, message: MessageShape<S>, filter?: JsonObject): AccessLog {
  return create(AccessLogSchema, {
    name: 'log',
    configType: { case: 'typedConfig', value: anyPack(schema, message) },
    ...(filter === undefined ? {} : { filter: fromJson(AccessLogFilterSchema, filter) }),
  });
}

function fileLog(config: JsonValue, filter?: JsonObject): AccessLog {
  return logOf(FileAccessLogSchema, fromJson(FileAccessLogSchema, config), filter);
}

function memorySink(): LogSink & { readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, target: (file) => ({ write: (line) => void lines.push(`${file} ${line}`) }) };
}

function linesOf(log: AccessLog, infos: readonly StreamInfo[]): string[] {
  const sink = memorySink();
  const logger = createAccessLogs([log], 'access_log', sink, () => 0.5);
  for (const info of infos) logger.log(info);
  return sink.lines;
}

const request = fakeRequest({ path: '/cart' }, { 'user-agent': 'curl', 'x-request-id': '00000005-0000-4000-8000-000000000000' });
const denied = fakeInfo({
  request,
  responseCode: 403,
  responseCodeDetails: 'rbac_access_denied_matched_policy[none]',
  routeName: 'default',
  clusterName: 'inbound|8080||',
});

test("Istio's default line, exact", () => {
  assert.deepEqual(linesOf(fileLog({ path: '/dev/stdout', logFormat: { textFormatSource: { inlineString: ISTIO } } }), [denied]), [
    '/dev/stdout [2026-01-02T03:04:05.678Z] "GET /cart HTTP/1.1" 403 - rbac_access_denied_matched_policy[none] - "-" 3 5 20 - "-" "curl" "00000005-0000-4000-8000-000000000000" "cart" "-" inbound|8080|| - 10.0.0.2:8080 10.0.0.1:40000 - default\n',
  ]);
});

test("Envoy's own format where none is given", () => {
  const want =
    '[2026-01-02T03:04:05.678Z] "GET /cart HTTP/1.1" 403 - 3 5 20 - "-" "curl" "00000005-0000-4000-8000-000000000000" "cart" "-"\n';
  assert.deepEqual(linesOf(fileLog({ path: '/x' }), [denied]), [`/x ${want}`]);
  assert.deepEqual(linesOf(logOf(StdoutAccessLogSchema, create(StdoutAccessLogSchema)), [denied]), [`/dev/stdout ${want}`]);
  assert.deepEqual(linesOf(logOf(StderrAccessLogSchema, create(StderrAccessLogSchema)), [denied]), [`/dev/stderr ${want}`]);
});

test('JSON, one object a line', () => {
  const log = fileLog({ path: '/x', logFormat: { jsonFormat: { code: '%RESPONSE_CODE%', policy: '%DYNAMIC_METADATA(tulle:policy)%' } } });
  assert.deepEqual(linesOf(log, [fakeInfo({ metadata: new Map([['tulle', { policy: 'p' }]]) })]), ['/x {"code":200,"policy":"p"}\n']);
});

const traced = fakeInfo();
traced.trace = { traceId: 'a', spanId: 'b', parentId: '', isSampled: true };

const FILTERS: readonly { filter: JsonObject; info: StreamInfo; passes: boolean }[] = [
  { filter: { statusCodeFilter: { comparison: { op: 'GE', value: { defaultValue: 400 } } } }, info: denied, passes: true },
  { filter: { statusCodeFilter: { comparison: { op: 'GE', value: { defaultValue: 404 } } } }, info: denied, passes: false },
  { filter: { statusCodeFilter: { comparison: { op: 'EQ', value: { defaultValue: 403 } } } }, info: denied, passes: true },
  { filter: { durationFilter: { comparison: { op: 'LE', value: { defaultValue: 19 } } } }, info: denied, passes: false },
  { filter: { responseFlagFilter: {} }, info: denied, passes: false },
  { filter: { responseFlagFilter: { flags: ['UH'] } }, info: fakeInfo({ flags: flagBit('UH') }), passes: true },
  { filter: { responseFlagFilter: { flags: ['UH'] } }, info: fakeInfo({ flags: flagBit('UF') }), passes: false },
  { filter: { headerFilter: { header: { name: 'user-agent', stringMatch: { exact: 'curl' } } } }, info: denied, passes: true },
  { filter: { headerFilter: { header: { name: 'user-agent', presentMatch: true } } }, info: fakeInfo(), passes: false },
  { filter: { notHealthCheckFilter: {} }, info: denied, passes: true },
  { filter: { traceableFilter: {} }, info: denied, passes: false },
  { filter: { traceableFilter: {} }, info: traced, passes: true },
  // 5 of 10,000 by the request's id
  {
    filter: { runtimeFilter: { runtimeKey: 'k', percentSampled: { numerator: 6, denominator: 'TEN_THOUSAND' } } },
    info: denied,
    passes: true,
  },
  {
    filter: { runtimeFilter: { runtimeKey: 'k', percentSampled: { numerator: 5, denominator: 'TEN_THOUSAND' } } },
    info: denied,
    passes: false,
  },
  // without an id that has a number, by chance: 0.5 here
  {
    filter: { runtimeFilter: { runtimeKey: 'k', percentSampled: { numerator: 6 } } },
    info: fakeInfo({ request: fakeRequest({}, { 'x-request-id': '00000005' }) }),
    passes: true,
  },
  {
    filter: { runtimeFilter: { runtimeKey: 'k', percentSampled: { numerator: 7 } } },
    info: fakeInfo({ request: fakeRequest({}, { 'x-request-id': '5' }) }),
    passes: false,
  },
  { filter: { runtimeFilter: { runtimeKey: 'k', percentSampled: { numerator: 51 } } }, info: fakeInfo(), passes: true },
  {
    filter: { runtimeFilter: { runtimeKey: 'k', percentSampled: { numerator: 50 }, useIndependentRandomness: true } },
    info: denied,
    passes: false,
  },
  { filter: { andFilter: { filters: [{ notHealthCheckFilter: {} }, { responseFlagFilter: {} }] } }, info: denied, passes: false },
  { filter: { orFilter: { filters: [{ notHealthCheckFilter: {} }, { responseFlagFilter: {} }] } }, info: denied, passes: true },
];

for (const { filter, info, passes } of FILTERS) {
  test(`filter ${JSON.stringify(filter)} ${passes ? 'passes' : 'holds back'}`, () => {
    assert.equal(linesOf(fileLog({ path: '/x' }, filter), [info]).length, passes ? 1 : 0);
  });
}

const REFUSED: readonly [name: string, log: AccessLog, message: RegExp][] = [
  ['no path', fileLog({}), /access_log\[0\]\.typed_config\.path: is empty/],
  ['unknown command', fileLog({ path: '/x', format: '%NOPE%' }), /access_log\[0\]\.typed_config\.format: formatter command %NOPE%/],
  ['unknown flag', fileLog({ path: '/x' }, { responseFlagFilter: { flags: ['ZZ'] } }), /filter\.response_flag_filter\.flags\[0\]: ZZ/],
  ['no statuses', fileLog({ path: '/x' }, { grpcStatusFilter: {} }), /grpc_status_filter\.statuses: is empty/],
  ['no logger', create(AccessLogSchema, { name: 'als' }), /access logger als is not supported/],
];

for (const [name, log, message] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => createAccessLogs([log], 'access_log', memorySink()),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('a file gets its lines on flush, and a new file after it was moved away', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'access.log');
  const sink = createLogSink(createStats(), silentLog);
  t.after(() => sink.close());
  sink.target(file).write('one\n');
  sink.flush();
  assert.equal(readFileSync(file, 'utf8'), 'one\n');
  renameSync(file, `${file}.1`);
  sink.target(file).write('two\n');
  sink.reopen();
  sink.target(file).write(bytesOf('three ü\n'));
  sink.close();
  assert.equal(readFileSync(`${file}.1`, 'utf8'), 'one\ntwo\n');
  assert.equal(readFileSync(file, 'utf8'), 'three ü\n');
});

/** What a sink counts, as lines dropped and writes failed. */
function lossesOf(stats: ReturnType<typeof createStats>): () => number[] {
  const scope = stats.scope('access_log_file');
  const [dropped, failed] = [scope.counter('dropped'), scope.counter('write_failed')];
  return () => [dropped.value, failed.value];
}

test('a file that cannot be opened loses lines, counted, until it can', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const stats = createStats();
  const losses = lossesOf(stats);
  const sink = createLogSink(stats, silentLog);
  t.after(() => sink.close());
  const file = path.join(folder, 'later', 'access.log');
  sink.target(file).write('lost\n');
  sink.flush();
  assert.deepEqual(losses(), [1, 2]);
  mkdirSync(path.dirname(file));
  sink.target(file).write('there\n');
  sink.flush();
  assert.deepEqual([readFileSync(file, 'utf8'), ...losses()], ['there\n', 1, 2]);
});

test('each file that cannot be written is told of, once', (t) => {
  const told: unknown[] = [];
  const log = { ...silentLog, warn: (_: string, fields?: Readonly<Record<string, unknown>>) => void told.push(fields?.['path']) };
  const sink = createLogSink(createStats(), log);
  t.after(() => sink.close());
  for (const file of ['/nowhere/a', '/nowhere/b', '/nowhere/a']) sink.target(file).write('x\n');
  sink.flush();
  assert.deepEqual(told, ['/nowhere/a', '/nowhere/b']);
});

/** A named pipe. */
function namedPipe(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  return pipe;
}

test('a pipe that nobody reads holds nobody up', (t) => {
  const stats = createStats();
  const sink = createLogSink(stats, silentLog);
  t.after(() => sink.close());
  sink.target(namedPipe(t)).write('x\n');
  sink.flush();
  assert.equal(lossesOf(stats)()[0], 1);
});

test('a pipe takes more at once than it holds, as its reader makes room', async (t) => {
  const pipe = namedPipe(t);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const stats = createStats();
  const sink = createLogSink(stats, silentLog);
  t.after(() => sink.close());
  // 600 KB, where a pipe holds 64 KiB
  const lines = Array.from({ length: 6000 }, (_, i) => `${String(i).padStart(99, '.')}\n`);
  for (const line of lines) sink.target(pipe).write(line);
  let text = '';
  const buffer = Buffer.alloc(16 * 1024);
  const isAll = (): boolean => text.length >= 2 * 256 * 1024;
  await until(() => {
    try {
      text += buffer.toString('latin1', 0, readSync(reader, buffer));
    } catch (error) {
      assert.match(String(error), /EAGAIN/);
    }
    return isAll();
  });
  assert.equal(text, lines.join('').slice(0, text.length));
  assert.deepEqual(lossesOf(stats)(), [0, 0]);
});

test('lines of a full disk are lost, counted', { skip: !existsSync('/dev/full') }, async (t) => {
  const stats = createStats();
  const sink = createLogSink(stats, silentLog);
  t.after(() => sink.close());
  const scope = stats.scope('access_log_file');
  const [dropped, failed] = [scope.counter('dropped'), scope.counter('write_failed')];
  sink.target('/dev/full').write('one\n');
  sink.target('/dev/full').write('two\n');
  sink.flush();
  assert.deepEqual([dropped.value, failed.value], [2, 1]);
  sink.target('/dev/full').write(`${'x'.repeat(300_000)}\n`);
  while (failed.value === 1) await setImmediate();
  assert.deepEqual([dropped.value, failed.value], [3, 2]);
});

test('a file that does not keep up loses lines, counted, and ends nevertheless', async (t) => {
  const pipe = namedPipe(t);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const stats = createStats();
  const losses = lossesOf(stats);
  const sink = createLogSink(stats, silentLog);
  const target = sink.target(pipe);
  const line = `${'x'.repeat(1024 * 1024)}\n`;
  for (let i = 0; i < 6; i++) target.write(line);
  // one is being written, and three wait
  assert.equal(losses()[0], 2);
  // until the pipe is full
  await sleep(100);
  sink.close();
  assert.equal(losses()[0], 6);
});

test('those who are told of flows are told of connections that last, and no others', () => {
  const told: string[] = [];
  const common = (logName: string): JsonObject => ({
    commonConfig: { logName, grpcService: { envoyGrpc: { clusterName: 'xds' } }, transportApiVersion: 'V3' },
  });
  const logs = [
    fileLog({ path: '/tmp/x' }),
    logOf(TcpGrpcAccessLogConfigSchema, fromJson(TcpGrpcAccessLogConfigSchema, common('tulle.flows'))),
  ];
  const teller = {
    cluster: 'xds',
    logger: () => Object.assign((info: StreamInfo) => void told.push(info.clusterName), { tellsOpen: true as const }),
  };
  const scope = { flows: teller } as unknown as LogScope;
  const sink = memorySink();
  const logger = createAccessLogs(logs, 'access_log', sink, Math.random, scope);
  logger.logOpen?.(fakeInfo({ clusterName: 'a' }));
  assert.deepEqual([told, sink.lines], [['a'], []]);
  logger.log(fakeInfo({ clusterName: 'b' }));
  assert.deepEqual([told, sink.lines.length], [['a', 'b'], 1]);
  assert.ok(!('logOpen' in createAccessLogs(logs.slice(0, 1), 'access_log', sink)));
});

/** What LocalReplyConfig makes of responses of the proxy's own. */
import type { JsonObject } from '@bufbuild/protobuf';
import { ask } from './framework/h1-case.ts';
import { direct, header, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const MAPPED: JsonObject = {
  mappers: [
    {
      filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 418, runtime_key: 'k' } } } },
      status_code: 419,
      body: { inline_string: 'mapped %RESPONSE_CODE%' },
      headers_to_add: [header('x-mapped', '%RESPONSE_CODE%')],
      body_format_override: { text_format_source: { inline_string: '<%LOCAL_REPLY_BODY%> %RESPONSE_CODE%' }, content_type: 'text/html' },
    },
  ],
  body_format: { json_format: { body: '%LOCAL_REPLY_BODY%', status: '%RESPONSE_CODE%', details: '%RESPONSE_CODE_DETAILS%' } },
};

const GRPC = ['content-type: application/grpc'];

compareTopic({
  name: 'mapped local replies',
  setup: () => ({
    listeners: { main: { manager: { local_reply_config: MAPPED } } },
    routes: [
      direct('/tea', 418, 'tea'),
      direct('/other', 404, 'nothing'),
      direct('/own', 418, 'tea', { response_headers_to_add: [header('x-route', '%REQ(:METHOD)%')] }),
      to('/dead', { cluster: 'dead' }),
      to('/nowhere', { cluster: 'nowhere' }),
      direct('/formatted', 418, 'tea', {
        direct_response: {
          status: 418,
          body: { inline_string: 'tea' },
          body_format: { text_format_source: { inline_string: '(%LOCAL_REPLY_BODY%)' } },
        },
      }),
    ],
  }),
  cases: [
    ask('mapped', '/tea', {}, { expects: { 'answers.0.body': '<mapped %RESPONSE_CODE%> 419' } }),
    ask('mapped to HEAD', '/tea', { method: 'HEAD' }, { isHead: true }),
    ask('mapped to gRPC', '/tea', { method: 'POST', fields: GRPC }),
    ask('only formatted', '/other'),
    ask('only formatted to gRPC', '/other', { method: 'POST', fields: GRPC }),
    ask('mapped with fields of the route', '/own'),
    ask('formatted twice', '/formatted'),
    ask('no connection', '/dead'),
    ask('no cluster', '/nowhere'),
  ],
});

'use strict';

const { createServer } = require('node:http');
const { gunzipSync } = require('node:zlib');
const { join } = require('node:path');
const grpc = require('@grpc/grpc-js');
const protobuf = require('protobufjs');
const { until } = require('./processes');

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

const Export = protobuf.loadSync(join(__dirname, 'otlp.proto')).lookupType('ExportTraceServiceRequest');

const attributesOf = (list) => Object.fromEntries(list.map(({ key, value }) => [key, value && Object.values(value)[0]]));

function spansOf(bytes) {
  const { resourceSpans } = Export.toObject(Export.decode(bytes), { bytes: Buffer, longs: Number, arrays: true });
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        kind: KINDS[span.kind],
        trace: span.traceId.toString('hex'),
        id: span.spanId.toString('hex'),
        state: span.traceState ?? '',
        parent: span.parentSpanId?.toString('hex') || undefined,
        failed: span.status?.code === 2,
        attributes: attributesOf(span.attributes),
        resource: attributesOf(resource.attributes),
      }))));
}

class Received {
  spans = [];

  waitFor(wanted, what) {
    return until(() => this.spans.find(wanted), () => `${what}; there are\n${this.spans.map((each) => `${each.kind} ${each.name} ${each.trace}`).join('\n')}`);
  }

  in(trace) {
    return this.spans.filter((each) => each.trace === trace);
  }
}

/** A receiver of OTLP over gRPC, at a free port unless one is given. */
async function startGrpcReceiver(at = 0) {
  const received = new Received();
  const server = new grpc.Server();
  server.addService(
    {
      Export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestDeserialize: (bytes) => spansOf(bytes),
        requestSerialize: () => Buffer.alloc(0),
        responseSerialize: () => Buffer.alloc(0),
        responseDeserialize: () => ({}),
      },
    },
    {
      Export: (call, done) => {
        received.spans.push(...call.request);
        done(null, {});
      },
    },
  );
  const port = await new Promise((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${at}`, grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
  return Object.assign(received, { port, url: `http://127.0.0.1:${port}`, stop: () => server.forceShutdown() });
}

/** A receiver of OTLP over HTTP with protobuf. */
async function startHttpReceiver() {
  const received = new Received();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    if (request.url === '/v1/traces') received.spans.push(...spansOf(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(received, {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

module.exports = { startGrpcReceiver, startHttpReceiver };

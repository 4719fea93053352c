'use strict';

// Takes spans over gRPC and throws them away: a Collector's own cost is not what is measured. `hanging` answers nobody.
const { createRequire } = require('node:module');
const { join } = require('node:path');

const grpc = createRequire(join(__dirname, '..', '..', 'images', 'instrumentation', 'node', 'package.json'))('@grpc/grpc-js');

const nothing = () => Buffer.alloc(0);
const method = {
  path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export', requestStream: false, responseStream: false,
  requestDeserialize: (bytes) => bytes, requestSerialize: nothing, responseSerialize: nothing, responseDeserialize: nothing,
};
const hanging = process.argv[2] === 'hanging';
let batches = 0;
const server = new grpc.Server();
server.addService({ Export: method }, { Export: (call, done) => { batches += 1; if (!hanging) done(null, {}); } });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send(port);
});
process.on('message', () => process.send({ batches }));

'use strict';

const { context } = require('@opentelemetry/api');
const { Request } = require('./request');

const STATUS = /^HTTP\/1\.1 ([1-5]\d\d) /;
/** Characters of a status line's beginning. */
const BEGINNING = 13;

function beginning(chunk) {
  if (typeof chunk === 'string') return chunk.slice(0, BEGINNING);
  return ArrayBuffer.isView(chunk) ? Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.byteLength, BEGINNING)).toString('latin1') : '';
}

/**
 * Counts a request that is to become a connection of another protocol, as websockets begin: once, by what it is answered with, 101 if it
 * becomes one. It has no duration and, since it may last for days, no open span.
 */
function upgrading(request, socket, scheme, observe, emit) {
  const known = new Request(request, { statusCode: 101, writableFinished: true }, scheme);
  const { end, write } = socket;
  const once = (send) => function (chunk, ...rest) {
    Object.assign(socket, { end, write });
    const found = STATUS.exec(beginning(chunk));
    if (found !== null) known.upgraded(Number(found[1]), observe);
    return send.call(this, chunk, ...rest);
  };
  Object.assign(socket, { end: once(end), write: once(write) });
  socket.once('close', () => known.end());
  return context.with(known.context, emit);
}

module.exports = { upgrading };

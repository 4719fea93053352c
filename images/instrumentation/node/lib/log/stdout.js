'use strict';

const fs = require('node:fs');
const { StringDecoder } = require('node:string_decoder');
const { syncBuiltinESMExports } = require('node:module');
const { currentOrigin, LATER } = require('./origin');
const { STDOUT } = require('./sink');

/** A line without its end waits this long for the rest of it. */
const REST_MS = 100;
/** As much of it is kept, in characters. */
const REST = 1024 * 1024;

/**
 * Catches what goes to stdout past the console: process.stdout.write, and writes to its descriptor as pino does them.
 * @param {ReturnType<import('./lines').createLines>} lines
 * @param {import('./sink').Sink} sink
 * @returns {() => void} writes out what still waits for its end of line
 */
function installStdout(lines, sink) {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let lost = 0;
  let timer;

  function take(text, origin) {
    const missing = lost;
    lost = 0;
    const before = sink.taking;
    sink.taking = true;
    try {
      lines.take(text, origin, missing);
    } finally {
      sink.taking = before;
    }
  }

  function keep(text) {
    const room = REST - rest.length;
    rest += text.slice(0, room);
    lost += Math.max(0, text.length - room);
  }

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    const text = rest;
    rest = '';
    if (text !== '') take(text, undefined);
  }

  function accept(chunk, encoding, origin = currentOrigin()) {
    const text = typeof chunk === 'string'
      ? (encoding && !/^utf-?8$/i.test(encoding) ? Buffer.from(chunk, encoding).toString() : chunk)
      : decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    // A logger that is known writes whole lines, whatever it ends them with.
    const end = origin?.read !== undefined && !text.endsWith('\n') ? text.length : text.lastIndexOf('\n');
    if (end === -1) {
      keep(text);
      timer ??= setTimeout(flush, REST_MS).unref();
      return;
    }
    let said = text.slice(0, end);
    if (lost > 0) {
      const first = said.indexOf('\n');
      lost += first === -1 ? said.length : first;
      flush();
      said = first === -1 ? '' : said.slice(first + 1);
    } else {
      said = rest + said;
    }
    clearTimeout(timer);
    timer = undefined;
    rest = '';
    if (said !== '') take(said, origin);
    if (end + 1 < text.length) {
      keep(text.slice(end + 1));
      timer = setTimeout(flush, REST_MS).unref();
    }
  }

  process.stdout.write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk)) {
      const error = new TypeError(`The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${typeof chunk}`);
      error.code = 'ERR_INVALID_ARG_TYPE';
      throw error;
    }
    if (chunk === sink.passing) sink.finish(chunk);
    else accept(chunk, typeof encoding === 'string' ? encoding : undefined);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  sink.ours = process.stdout.write;

  const { write, writeSync } = fs;
  // Of a string all is written, of a buffer the part from `offset`, `length` bytes long.
  const part = (data, args) => {
    if (typeof data === 'string' || !ArrayBuffer.isView(data)) return data;
    const [offset, length] = args;
    if (typeof offset === 'object' && offset !== null) return part(data, [offset.offset, offset.length]);
    const from = typeof offset === 'number' ? offset : 0;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return bytes.subarray(from, typeof length === 'number' ? from + length : undefined);
  };

  fs.writeSync = function (fd, data, ...args) {
    if (fd !== STDOUT || sink.writing || (typeof data !== 'string' && !ArrayBuffer.isView(data))) return writeSync.call(this, fd, data, ...args);
    const written = part(data, args);
    accept(written, typeof data === 'string' ? args[1] : undefined);
    return Buffer.byteLength(written);
  };
  fs.write = function (fd, data, ...args) {
    const callback = args.at(-1);
    if (fd !== STDOUT || sink.writing || typeof callback !== 'function' || (typeof data !== 'string' && !ArrayBuffer.isView(data))) {
      return write.call(this, fd, data, ...args);
    }
    const written = part(data, args);
    accept(written, typeof data === 'string' && typeof args[1] === 'string' ? args[1] : undefined, LATER);
    process.nextTick(callback, null, Buffer.byteLength(written), data);
  };
  // util.promisify gives { bytesWritten, buffer }, as before.
  for (const symbol of Object.getOwnPropertySymbols(write)) {
    Object.defineProperty(fs.write, symbol, Object.getOwnPropertyDescriptor(write, symbol));
  }
  syncBuiltinESMExports();
  return flush;
}

module.exports = { installStdout };

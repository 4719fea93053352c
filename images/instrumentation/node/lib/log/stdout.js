'use strict';

const fs = require('node:fs');
const { StringDecoder } = require('node:string_decoder');
const { syncBuiltinESMExports } = require('node:module');
const { STDOUT } = require('./sink');

/** A line without its end waits this long for the rest of it. */
const REST_MS = 100;

/**
 * Catches what goes to stdout past the console: process.stdout.write, and writes to its descriptor as pino does them.
 * @param {{take(text: string): void}} lines
 * @param {{writing: boolean}} sink
 * @returns {() => void} writes out what still waits for its end of line
 */
function installStdout(lines, sink) {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let timer;

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    const text = rest;
    rest = '';
    if (text !== '') lines.take(text);
  }

  function accept(chunk, encoding) {
    const text = typeof chunk === 'string'
      ? (encoding && !/^utf-?8$/i.test(encoding) ? Buffer.from(chunk, encoding).toString() : chunk)
      : decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const end = text.lastIndexOf('\n');
    if (end === -1) {
      rest += text;
      timer ??= setTimeout(flush, REST_MS).unref();
      return;
    }
    const whole = rest + text.slice(0, end);
    rest = text.slice(end + 1);
    clearTimeout(timer);
    timer = rest === '' ? undefined : setTimeout(flush, REST_MS).unref();
    lines.take(whole);
  }

  process.stdout.write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk)) {
      const error = new TypeError(`The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${typeof chunk}`);
      error.code = 'ERR_INVALID_ARG_TYPE';
      throw error;
    }
    accept(chunk, typeof encoding === 'string' ? encoding : undefined);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };

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
    accept(written, typeof data === 'string' && typeof args[1] === 'string' ? args[1] : undefined);
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

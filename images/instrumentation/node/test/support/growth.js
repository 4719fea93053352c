'use strict';

// Whether work on a text costs more than the text is long. Nothing is measured in seconds: a walk over the same text, made at the same
// time, is the measure, and how the cost grows with the text.

const SIZES = [1024, 4096, 16384];
/** Linear work grows by 4 from one size to the next, quadratic by 16. */
const STEEP = 8;
/** Walks over the text that work may cost before its growth is looked at; quadratic work on 16,384 characters is some thousand. */
const WALKS = 150;
const TRIES = 25;

/** Microseconds of processor time. */
function cost(work) {
  const begin = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

function walk(text) {
  let sum = 0;
  for (let at = 0; at < text.length; at += 1) sum = (sum * 31 + text.charCodeAt(at)) % 65521;
  return sum;
}

let checksum = 0;

/**
 * Throws when `work` on ever longer texts grows faster than they do.
 * @param {string} what
 * @param {(size: number) => string} make
 * @param {(text: string) => unknown} work
 */
function assertLinear(what, make, work) {
  let before;
  for (const size of SIZES) {
    const text = make(size);
    let least = Infinity;
    let reference = Infinity;
    let isSteep = true;
    for (let each = 0; each < TRIES && isSteep; each += 1) {
      reference = Math.min(reference, cost(() => (checksum += walk(text))));
      least = Math.min(least, cost(() => work(text)));
      isSteep = least > WALKS * Math.max(reference, text.length / 1000) && before !== undefined && least > STEEP * before;
    }
    if (isSteep) throw new Error(`${what}: ${least} µs for ${text.length} characters, ${before} µs for a quarter of them`);
    before = Math.max(least, 1);
  }
}

const times = (piece) => (size) => piece.repeat(Math.ceil(size / piece.length));

/** What strangers send: a character of each kind and pieces of what is parsed, over and over, alone and with something before or behind. */
const PIECES = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter((each) => !/[b-zB-Z2-9\x01-\x08\x0e-\x1a]/.test(each)),
  '\r\n', ' \n', '\\"', '%s', '%%', '{}', '[{', '},', '{"a":', '[[', ', ', '; ', '=;', '.1', '1.', '1;', '\u001b[', '\u001b[;', '\u001b[1;', '\u001b]', '\u001b]8;;',
  '\u001b(', '\u009b', '"_trace"', '"_trace":{', ',"_trace":', '"_trace":{},', '__Secure-', '.state', 'csrf-token', 'session-token', '/callback', 'a.sid', 'ü', '\ud83d', '\udc00', '😀',
];

const SHAPES = PIECES.flatMap((piece) => [
  [JSON.stringify(piece), times(piece)],
  [`a, then ${JSON.stringify(piece)}, then b`, (size) => `a${times(piece)(size)}b`],
]);
SHAPES.push(
  ['an object deep in itself', (size) => `${'{"a":'.repeat(size / 8)}1${'}'.repeat(size / 8)}`],
  ['an object of many members', (size) => `{${Array.from({ length: size / 8 }, (_, at) => `"k${at}":1`).join(',')}}`],
  ['an object with a long text', (size) => `{"a":"${'\\"'.repeat(size / 2)}"}`],
  ['an object with many traces', (size) => `{${Array.from({ length: size / 12 }, () => '"_trace":{}').join(',')}}`],
);

module.exports = { assertLinear, SHAPES };

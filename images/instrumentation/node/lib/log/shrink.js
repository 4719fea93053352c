'use strict';

const { membersOf } = require('../json-text');

/** The longest line, in bytes: the node agent takes up to 240 KiB as one, the runtime's header included. */
const LINE = 192 * 1024;
/** More members than the node agent makes attributes of. */
const MEMBERS = 256;

/** The string at the begin of `raw`, which is JSON, up to `length` characters of that. */
function shortString(raw, length) {
  // No cut escape at the end: it is six characters long at most.
  for (let end = length; end > length - 6; end -= 1) {
    try {
      return JSON.parse(`${raw.slice(0, end).replace(/"$/, '')}"`);
    } catch {
      // one less
    }
  }
  return raw.slice(1, length);
}

/** A value as JSON, of `length` characters and a few more, which say what is missing. */
function shorter(raw, length, lost) {
  if (raw.length <= length && lost === 0) return raw;
  const text = raw[0] === '"' ? shortString(raw, Math.min(length, raw.length)) : raw.slice(0, length);
  return JSON.stringify(`${text}… (${Math.max(0, raw.length - length) + lost} more characters)`);
}

/**
 * An object of JSON that is too long for a line, or the begin of one, with its longest values cut. Its short members stay as they were
 * written.
 *
 * @param {string} text
 * @param {number} lost how many characters of it are not there any more
 * @returns {string | undefined} undefined where no member can be read
 */
function shrink(text, lost = 0) {
  const members = membersOf(text);
  if (members.length === 0) return undefined;
  const kept = members.slice(0, MEMBERS);
  const characters = Math.floor((LINE * text.length) / Buffer.byteLength(text));
  for (let room = characters / 2; ; room /= 2) {
    const line = written(text, kept, longestOf(kept, room), members.length - kept.length, lost);
    if (Buffer.byteLength(line) <= LINE) return line;
    if (room < MEMBERS) return undefined;
  }
}

/** How long a value may be so that all of them have room. */
function longestOf(members, room) {
  let left = room;
  const lengths = members.map(({ from, to }) => to - from).sort((a, b) => a - b);
  for (const [at, length] of lengths.entries()) {
    const share = left / (lengths.length - at);
    if (length > share) return Math.floor(share);
    left -= length;
  }
  return room;
}

function written(text, members, longest, missing, lost) {
  const parts = members.map(({ name, value, to }) => {
    const short = name.length > longest ? JSON.stringify(shortString(name, longest)) : name;
    return `${short}:${shorter(text.slice(value, to), longest, to === text.length ? lost : 0)}`;
  });
  if (missing > 0) parts.push(`"…":"${missing} more"`);
  return `{${parts.join(',')}}`;
}

module.exports = { LINE, shrink };

'use strict';

// JSON is changed here as text: a price such as 0.10 or a number of 20 digits would not survive being parsed and printed.

const BRACKET = /["{}[\]]/g;
const END = /[,}\]\s]/g;

/** Where `pattern` is found next, or the text's end. */
function next(pattern, text, from) {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

/** The end of the string that begins at `from`. */
function endOfString(text, from) {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text[first - 1] === '\\') first -= 1;
    if ((at - first) % 2 === 0) return at + 1;
  }
  return text.length;
}

function endOfValue(text, from) {
  if (text[from] === '"') return endOfString(text, from);
  if (text[from] !== '{' && text[from] !== '[') return next(END, text, from);
  let depth = 0;
  for (let at = from; at < text.length;) {
    if (text[at] === '"') {
      at = endOfString(text, at);
    } else {
      depth += text[at] === '{' || text[at] === '[' ? 1 : -1;
      at += 1;
      if (depth === 0) return at;
    }
    at = next(BRACKET, text, at);
  }
  return text.length;
}

function skipBlanks(text, from) {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at += 1;
  return at;
}

/**
 * The members of the object that a text is, or begins to be: where the name, the value and the member's end are. What follows is not looked
 * at twice, however much it is.
 *
 * @returns {{from: number, name: string, value: number, to: number}[]} `name` as it is written, in its quotes
 */
function membersOf(text) {
  const found = [];
  for (let at = skipBlanks(text, skipBlanks(text, 0) + 1); text[at] === '"';) {
    const from = at;
    const end = endOfString(text, from);
    const colon = skipBlanks(text, end);
    if (text[colon] !== ':') break;
    const value = skipBlanks(text, colon + 1);
    const to = endOfValue(text, value);
    if (to > value) found.push({ from, name: text.slice(from, end), value, to });
    const comma = skipBlanks(text, to);
    if (text[comma] !== ',') break;
    at = skipBlanks(text, comma + 1);
  }
  return found;
}

module.exports = { membersOf };

'use strict';

// Each starts at an introducer and takes what no introducer can be in, so that no character is looked at twice.
// eslint-disable-next-line no-control-regex
const CONTROL = /(?:\u001B\[|\u009B)[0-?]*[ -/]*[@-~]?|\u001B\][^\u0007\u001B\u009C]*(?:\u0007|\u001B\\|\u009C)?|\u001B[ -/]*[0-Z\\^-~]?/g;

/** Without colours and other control sequences of a terminal. */
function uncoloured(text) {
  return text.includes('\u001B') || text.includes('\u009B') ? text.replace(CONTROL, '') : text;
}

/** Without control sequences, without line breaks before it and blanks behind it. */
function clean(text) {
  const shown = uncoloured(text);
  let from = 0;
  while (shown[from] === '\n' || shown[from] === '\r') from += 1;
  return shown.slice(from).trimEnd();
}

/** At most `length` characters of a text; what was cut off is told at its end. */
function cut(text, length) {
  if (text.length <= length) return text;
  // No half of a character.
  const last = text.charCodeAt(length - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
  return `${text.slice(0, end)}… (${text.length - end} more characters)`;
}

module.exports = { clean, cut, uncoloured };

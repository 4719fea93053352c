'use strict';

/** Characters of one message; a process with more metrics than that is left out. */
const LONGEST = 64 * 1024 * 1024;

// JSON has no such numbers: they travel as words, and `Number` reads them.
const finite = (key, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value);

const numbers = (metrics) => metrics.map((metric) => ({ ...metric, values: metric.values.map((each) => ({ ...each, value: Number(each.value) })) }));

/** One message is one line of JSON. */
const toLine = (message) => `${JSON.stringify(message, finite)}\n`;

/** Calls `take` for each message. A message that is none ends the connection. */
function onMessages(socket, take) {
  let parts = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    const lines = chunk.split('\n');
    const rest = lines.pop();
    try {
      for (const line of lines) {
        const message = JSON.parse(parts.join('') + line);
        parts = [];
        length = 0;
        take(message);
      }
    } catch {
      socket.destroy();
      return;
    }
    parts.push(rest);
    length += rest.length;
    if (length > LONGEST) socket.destroy();
  });
}

module.exports = { numbers, onMessages, toLine };

'use strict';

/**
 * Who writes to stdout at the moment: a logger of the host's that is known.
 *
 * @typedef {object} Origin
 * @property {string} level of a line that does not say so itself
 * @property {Record<string, string>} ids what a line gets of its context; what such a logger had and left out is not added again
 * @property {(own: object) => Record<string, unknown>} [more] what a line of JSON gets besides, where it lacks it
 * @property {(text: string) => {message: string, fields: Record<string, unknown>}} [read] takes a line of text apart
 */

/** @type {Origin | undefined} */
let current;

/** Runs `work`; what it writes comes from `origin`. */
function during(origin, work) {
  const before = current;
  current = origin;
  try {
    return work();
  } finally {
    current = before;
  }
}

const currentOrigin = () => current;

/** For what is written later than it was logged: whose context that is, nobody knows. */
const LATER = { level: 'info', ids: {} };

module.exports = { currentOrigin, during, LATER };

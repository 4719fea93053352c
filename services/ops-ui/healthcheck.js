'use strict';
// Exit code 0 if ops-ui answers, 1 if not: node healthcheck.js
const url = `http://127.0.0.1:${process.env.PORT || 3000}/`;
fetch(url, { signal: AbortSignal.timeout(3000) }).then(
  (answer) => process.exit(answer.ok ? 0 : 1),
  (error) => {
    console.error(`${url}: ${error.message}`);
    process.exit(1);
  },
);

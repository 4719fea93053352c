'use strict';
// Exit code 0 if the api answers, 1 if not: node healthcheck.js
const url = `http://127.0.0.1:${process.env.PORT || 8000}/healthz`;
fetch(url, { signal: AbortSignal.timeout(3000) }).then(
  (answer) => process.exit(answer.ok ? 0 : 1),
  (error) => {
    console.error(`${url}: ${error.message}`);
    process.exit(1);
  },
);

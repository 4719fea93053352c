// `node health.cjs URL` ends with 0 when URL answers below 500: the image has no curl. Redirects are answers.
'use strict';

fetch(process.argv[2], { redirect: 'manual', signal: AbortSignal.timeout(4000) }).then(
  (answer) => process.exit(answer.status < 500 ? 0 : 1),
  () => process.exit(1),
);

'use strict';

const { createServer } = require('node:http');

/** A login provider that lets everybody in, and says at `/echo` what it was sent. */
async function startProvider() {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://provider');
    const json = (value) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri'));
      back.searchParams.set('code', 'let-me-in');
      back.searchParams.set('state', url.searchParams.get('state'));
      response.writeHead(302, { location: back.href }).end();
    } else if (url.pathname === '/token') json({ access_token: 'given', token_type: 'bearer' });
    else if (url.pathname === '/userinfo') json({ sub: 'trader-1', name: 'Trader' });
    else json(request.headers);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

module.exports = { startProvider };

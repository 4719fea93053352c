'use strict';

const http = require('node:http');

/** What a browser sends when a link or a redirect of another site leads to us. (fetch would write these headers itself.) */
const FOREIGN = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** One navigation, redirects not followed. */
function navigate(url, headers = {}, { method = 'GET', body = '' } = {}) {
  return new Promise((resolve, reject) => {
    http
      .request(url, { method, headers, agent: false }, async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode, headers: response.headers, cookies: response.headers['set-cookie'] ?? [], text });
      })
      .on('error', reject)
      .end(body);
  });
}

/** A browser's cookies: a Strict one goes to its own site alone, a Lax one also where a navigation from another site leads. */
class Jar {
  #cookies = new Map();

  take(setCookies) {
    for (const each of setCookies) {
      const [pair, ...attributes] = each.split(/;\s*/);
      const at = pair.indexOf('=');
      const sameSite = attributes.find((one) => /^samesite=/i.test(one))?.split('=')[1].toLowerCase() ?? 'lax';
      this.#cookies.set(pair.slice(0, at), { value: pair.slice(at + 1), sameSite, text: each });
    }
  }

  /** The header for a request that begins on this site, or on another one. */
  header({ foreign = false } = {}) {
    return [...this.#cookies].filter(([, { sameSite }]) => !foreign || sameSite !== 'strict').map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  text(name) {
    return this.#cookies.get(name)?.text;
  }

  get names() {
    return [...this.#cookies.keys()];
  }
}

module.exports = { FOREIGN, Jar, navigate };

'use strict';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const CALLBACK = /\/(callback|oauth|oidc|saml|sso)(\/|\?|$)/i;

/**
 * True for a navigation that began on another site, as the way back from a login provider does. Browsers without fetch metadata are taken
 * at the path.
 */
function comesFromElsewhere(request) {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined) return CALLBACK.test(request.url ?? '');
  return site === 'cross-site' && (request.headers['sec-fetch-mode'] ?? 'navigate') === 'navigate';
}

const escape = (text) => text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);

const isEmpty = (cookie) => cookie.split(';', 1)[0].trimEnd().endsWith('=');

/** The target on this very site, or undefined. */
function ownTarget(request, location, publicUrl) {
  const proto = request.headers['x-forwarded-proto']?.split(',')[0].trim() ?? (request.socket.encrypted ? 'https' : 'http');
  const host = request.headers['x-forwarded-host']?.split(',')[0].trim() ?? request.headers.host;
  const here = `${proto}://${host}`;
  if (!URL.canParse(here) || !URL.canParse(location, here)) return undefined;
  const target = new URL(location, here);
  const origins = [here, publicUrl].filter((each) => each && URL.canParse(each)).map((each) => new URL(each).host);
  return /^https?:$/.test(target.protocol) && origins.includes(target.host) ? location : undefined;
}

function page(target) {
  const url = escape(target);
  return (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Signed in</title>'
    + `<meta http-equiv="refresh" content="0;url=${url}"></head>`
    + `<body><a href="${url}">Continue</a></body></html>\n`
  );
}

/**
 * Lets a login survive SameSite=Strict. A redirect keeps the site where the navigation began, so after a provider's redirect the browser
 * withholds the session that it has just been given, and the user lands on the login page again. So the redirect that sets a session
 * becomes a page that goes to the same target: that navigation begins here, and carries the session.
 *
 * @param {(cookie: string) => boolean} isSession
 */
function surviveStrict(request, response, isSession, publicUrl) {
  const { writeHead, write, end } = response;
  let body;

  function convert() {
    if (!REDIRECTS.has(response.statusCode)) return;
    const cookies = [response.getHeader('set-cookie') ?? []].flat().map(String);
    if (!cookies.some((each) => isSession(each) && !isEmpty(each))) return;
    const location = response.getHeader('location');
    const target = typeof location === 'string' ? ownTarget(request, location, publicUrl) : undefined;
    if (target === undefined) return;
    body = Buffer.from(page(target));
    response.statusCode = 200;
    response.statusMessage = 'OK';
    for (const name of ['location', 'transfer-encoding', 'content-encoding', 'etag']) response.removeHeader(name);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.setHeader('content-length', body.length);
    response.setHeader('cache-control', 'no-store');
    response.setHeader('referrer-policy', 'no-referrer');
  }

  response.writeHead = function (status, ...rest) {
    if (response.headersSent) return writeHead.call(response, status, ...rest);
    response.statusCode = status;
    const headers = rest.find((each) => typeof each === 'object' && each !== null);
    if (headers !== undefined) for (const [name, value] of pairs(headers)) response.setHeader(name, value);
    if (typeof rest[0] === 'string') response.statusMessage = rest[0];
    convert();
    return writeHead.call(response, response.statusCode);
  };
  response.write = function (chunk, encoding, callback) {
    if (!response.headersSent) response.writeHead(response.statusCode);
    if (body === undefined) return write.call(response, chunk, encoding, callback);
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  response.end = function (chunk, encoding, callback) {
    // By way of writeHead, since only there do some session stores set their cookie.
    if (!response.headersSent && REDIRECTS.has(response.statusCode)) response.writeHead(response.statusCode);
    if (body === undefined) return end.call(response, chunk, encoding, callback);
    const done = [chunk, encoding, callback].find((each) => typeof each === 'function');
    return end.call(response, body, done);
  };
}

/**
 * True for a provider's answer that comes without the session in which a service such as express-session keeps its state: withheld, since
 * the way here began elsewhere. Only browsers that say where a navigation began are asked to come again, so none goes in circles.
 *
 * @param {(cookie: string) => boolean} isSession
 * @param {(cookie: string) => boolean} isLogin
 */
function lacksSession(request, isSession, isLogin) {
  if (request.method !== 'GET' || request.headers['sec-fetch-site'] !== 'cross-site' || request.headers['sec-fetch-mode'] !== 'navigate') return false;
  const query = new URLSearchParams(request.url.split('?')[1] ?? '');
  if (!query.has('state') || !(query.has('code') || query.has('error'))) return false;
  const cookies = (request.headers.cookie ?? '').split(';').map((each) => each.trim());
  return !cookies.some((each) => isSession(each) || isLogin(each));
}

/** Asks the browser for the same address again; this time the navigation begins here. */
function askAgain(request, response) {
  const body = page(request.url.replace(/^\/{2,}/, '/'));
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store', 'referrer-policy': 'no-referrer',
  });
  response.end(body);
}

/** Headers as writeHead takes them: an object, a list of pairs, or names and values in turn. */
function pairs(headers) {
  if (!Array.isArray(headers)) return Object.entries(headers);
  if (headers.every(Array.isArray)) return grouped(headers);
  const list = [];
  for (let at = 0; at + 1 < headers.length; at += 2) list.push([headers[at], headers[at + 1]]);
  return grouped(list);
}

/** A name that comes more than once keeps all of its values. */
function grouped(list) {
  const found = new Map();
  for (const [name, value] of list) {
    const key = String(name).toLowerCase();
    if (found.has(key)) found.get(key).push(value);
    else found.set(key, [value]);
  }
  return [...found].map(([name, values]) => [name, values.length === 1 ? values[0] : values.flat()]);
}

module.exports = { askAgain, comesFromElsewhere, lacksSession, pairs, surviveStrict };

'use strict';

// What is known of a request when it comes, in the words of OpenTelemetry's semantic conventions.

/** Others are anybody's text, and attributes of spans become labels. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']);
/** Members of a query that let whoever has them in, as OpenTelemetry names them. */
const CREDENTIALS = ['sig', 'Signature', 'AWSAccessKeyId', 'X-Goog-Signature', 'X-Amz-Signature', 'X-Amz-Credential', 'X-Amz-Security-Token'];
const PORTS = new Map([['http', 80], ['https', 443]]);

const first = (list = '') => String(list).split(',', 1)[0].trim() || undefined;

/** The first value of a member of the header Forwarded (RFC 7239), such as `for` or `host`. */
function forwarded(header, name) {
  if (header === undefined) return undefined;
  for (const pair of String(header).split(/[;,]/)) {
    const at = pair.indexOf('=');
    if (pair.slice(0, at).trim().toLowerCase() === name) return pair.slice(at + 1).trim().replaceAll('"', '') || undefined;
  }
  return undefined;
}

/** An address with or without a port: `host`, `host:1`, `[::1]:1`, and an IPv6 address without brackets. */
function split(address) {
  const colon = address.lastIndexOf(':');
  const hasPort = colon > 0 && (address[colon - 1] === ']' || address.indexOf(':') === colon);
  const port = hasPort ? Number(address.slice(colon + 1)) : NaN;
  return { host: hasPort ? address.slice(0, colon) : address, port: Number.isInteger(port) ? port : undefined };
}

const bare = ({ host }) => (host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host);

function withoutCredentials(query) {
  const members = new URLSearchParams(query);
  for (const name of CREDENTIALS) if (members.has(name)) members.set(name, 'REDACTED');
  return members.toString();
}

/** A proxy's client sends the whole URL, with a password perhaps. */
function withinSite(url) {
  if (!URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** What a sampler may look at. Few, since a span's first attributes are copied three times. */
function askedFor({ method, url = '/' }) {
  const target = url.startsWith('/') ? url : withinSite(url);
  const mark = target.indexOf('?');
  const attributes = {
    'http.request.method': METHODS.has(method) ? method : '_OTHER',
    'url.path': mark === -1 ? target : target.slice(0, mark),
  };
  if (mark !== -1 && mark < target.length - 1) attributes['url.query'] = withoutCredentials(target.slice(mark + 1));
  return attributes;
}

/** Who asks, and by what name. */
function askedBy({ headers, httpVersion, method, socket }, scheme) {
  const attributes = {
    'url.scheme': scheme,
    'network.peer.address': socket?.remoteAddress,
    'network.peer.port': socket?.remotePort,
    'network.protocol.version': httpVersion,
    'user_agent.original': headers['user-agent'],
    'client.address': socket?.remoteAddress,
  };
  if (!METHODS.has(method)) attributes['http.request.method_original'] = method;
  const from = forwarded(headers.forwarded, 'for') ?? first(headers['x-forwarded-for']);
  if (from !== undefined) attributes['client.address'] = bare(split(from));
  const through = forwarded(headers.forwarded, 'host') ?? first(headers['x-forwarded-host']);
  const asked = through ?? headers.host;
  if (asked) {
    const { host, port } = split(String(asked));
    const by = through === undefined ? scheme : forwarded(headers.forwarded, 'proto') ?? first(headers['x-forwarded-proto']);
    attributes['server.address'] = host;
    attributes['server.port'] = port ?? PORTS.get(by);
  }
  return attributes;
}

module.exports = { askedBy, askedFor };

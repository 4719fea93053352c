'use strict';

const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');

const MOUNTED = Symbol('atlas.mounted');
const ROUTE = Symbol('atlas.route');

/** An ES module and a CommonJS one of the same host may both bring it. */
const patched = new WeakSet();

/** As a template says it: a list of paths has commas, a regular expression is its own text. */
function textOf(path) {
  if (Array.isArray(path)) return path.map(textOf).filter(Boolean).join(',');
  return typeof path === 'string' || typeof path === 'number' || path instanceof RegExp ? String(path) : '';
}

/** A part that stands for anything (`/`, `/*`, Express 5's `/{*rest}`) says nothing of the route. */
function join(prefix, path) {
  const part = /^\/(\*|\{\*[^}]*\})?$/.test(path) ? '' : path;
  const whole = prefix + part;
  return whole.includes('//') ? whole.replace(/\/{2,}/g, '/') : whole;
}

/**
 * Runs a layer of which `path` is the template. What it is part of is put back when it hands on; the route stays where it hands on an
 * error, which is that route's.
 */
function within(request, path, isRoute, run, next) {
  const [prefix, route] = [request[MOUNTED] ?? '', request[ROUTE]];
  const whole = join(prefix, path);
  if (!isRoute) request[MOUNTED] = whole;
  request[ROUTE] = whole || '/';
  return run((...args) => {
    request[MOUNTED] = prefix;
    if (!args[0] || args[0] === 'route' || args[0] === 'router') request[ROUTE] = route;
    return next(...args);
  });
}

/**
 * Finds the template of the route that answers a request, of nested routers too, and leaves it on the request. Only what has a path is
 * hooked, and no middleware: that is what makes it cheap.
 */
class ExpressRoutes extends InstrumentationBase {
  constructor() {
    super('@atlas/instrumentation/express', '1.0.0', {});
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('express', ['>=4 <6'], (module) => {
      const { Route, Router } = module.default ?? module;
      if (!patched.has(Route)) {
        patched.add(Route);
        routing(Route.prototype);
        mounting(typeof Router.prototype?.use === 'function' ? Router.prototype : Router);
      }
      return module;
    })];
  }
}

function routing(prototype) {
  const { dispatch } = prototype;
  prototype.dispatch = function (request, response, done) {
    return within(request, textOf(this.path), true, (next) => dispatch.call(this, request, response, next), done);
  };
}

function mounting(router) {
  const { use } = router;
  router.use = function (...args) {
    const before = this.stack?.length;
    const result = use.apply(this, args);
    const path = textOf(args[0]);
    if (path !== '' && path !== '/') for (const layer of this.stack?.slice(before) ?? []) mount(layer, path);
    return result;
  };
}

/** A proxy, as others look at a router's members. What takes four arguments is for errors alone. */
function mount(layer, path) {
  if (layer.handle.length > 3) return;
  layer.handle = new Proxy(layer.handle, {
    apply: (handle, self, [request, response, next]) =>
      within(request, path, false, (left) => Reflect.apply(handle, self, [request, response, left]), next),
  });
}

/** @returns {string | undefined} */
const expressRoute = (request) => request[ROUTE];

module.exports = { ExpressRoutes, expressRoute };

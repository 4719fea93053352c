'use strict';

// The preload puts itself here, so that a service may have its own copy of this package, and works without the preload.
const api = () => globalThis[Symbol.for('@atlas/instrumentation')];

module.exports = {
  /** Names the user of the current request. */
  setUser: (id) => api()?.setUser(id),
  /** `trace_id`, `span_id`, `request_id` and `user_id` of the caller, those that are known. */
  contextFields: () => api()?.contextFields() ?? {},
  /** The service's logger (pino), or undefined without the preload. */
  get logger() {
    return api()?.logger;
  },
  /** Registries (prom-client) to put metrics of your own into: `new Counter({ …, registers })`. */
  get registers() {
    return api()?.registers ?? [];
  },
};

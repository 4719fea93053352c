'use strict';

// Makes one module of the package impossible to load, as an incomplete installation would.
const Module = require('node:module');

const load = Module._load;
Module._load = function (name, ...rest) {
  if (name === process.env.BROKEN_MODULE) throw new Error(`Cannot find module '${name}'`);
  return load.call(this, name, ...rest);
};

'use strict';

const Module = require('node:module');
const { isAbsolute, sep } = require('node:path');

const FOLDER = `${sep}node_modules${sep}`;

/** The package of a file, `express` or `@redis/client`; undefined outside of packages. */
function packageOf(file) {
  const at = file.lastIndexOf(FOLDER);
  if (at === -1) return undefined;
  const [scope, name] = file.slice(at + FOLDER.length).split(sep);
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}

/**
 * Lets what an ES module imports pass through the hooks of `require`. The libraries that something is hooked into are CommonJS, which
 * `import` loads by this very function, past `require`: without a parent, by the whole path. It costs no thread, as hooks of `import`
 * would, and it matters neither how the program was started nor which of its modules imports.
 *
 * @param {Set<string>} hooked names of packages
 */
function hookImports(hooked) {
  const load = Module._load;
  Module._load = function (file, parent, isMain) {
    const imported = !parent && !isMain && typeof file === 'string' && isAbsolute(file) && hooked.has(packageOf(file));
    if (!imported) return load.apply(this, arguments);
    const module = Module.createRequire(file)(file);
    // What importers get is what the file's own module holds.
    if (Module._cache[file] !== undefined) Module._cache[file].exports = module;
    return module;
  };
}

module.exports = { hookImports };

// CommonJS that imports later.
import('./module.mjs');

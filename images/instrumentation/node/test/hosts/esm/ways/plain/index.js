import '../module.mjs';

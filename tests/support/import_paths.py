"""Programs that tell from where an interpreter would import, and which of these places its user could fill.

Each takes a user's number and prints a JSON object: ``paths``, all places, and ``open``, those that this user may write or
make. Modes and owners count, so that a read-only root and the rights of the one who asks change nothing.
"""

PYTHON = """
import json, os, site, stat, sys
user = int(sys.argv[1])
paths = [os.path.abspath(path) for path in sys.path] + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
def may_write(path):
    while not os.path.exists(path):
        path = os.path.dirname(path)
    found = os.stat(path)
    return found.st_uid == user or found.st_gid == user and found.st_mode & stat.S_IWGRP or found.st_mode & stat.S_IWOTH
print(json.dumps({"paths": paths, "open": [path for path in paths if may_write(path)]}))
"""

NODE = """
const fs = require('node:fs'), path = require('node:path'), Module = require('node:module');
const user = Number(process.argv[1]);
const paths = [...Module.globalPaths, ...Module._nodeModulePaths(process.cwd())];
const cache = Module.enableCompileCache?.().directory;
if (cache) paths.push(cache);
const mayWrite = (place) => {
  while (!fs.existsSync(place)) place = path.dirname(place);
  const { uid, gid, mode } = fs.statSync(place);
  return uid === user || (gid === user && (mode & 0o020) !== 0) || (mode & 0o002) !== 0;
};
console.log(JSON.stringify({ paths, open: paths.filter(mayWrite) }));
"""

#!/bin/sh
# `trim FOLDER`: takes out what nothing reads at run time, and makes the tree the same whenever it is built.
set -eu
find "$1" -type d -name .bin -prune -exec rm -rf {} +
find "$1" -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' -o -name '*.markdown' \
  -o -name '.package-lock.json' -o -name '*.pyi' -o -name '.npmrc' \) -delete
find "$1" -type d -empty -delete
find "$1" -exec chmod go-w,a+rX {} +
find "$1" -exec touch --no-dereference --date=@0 {} +

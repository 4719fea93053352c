#!/bin/sh
# `install-python FOLDER ARGUMENT…`: pip install into FOLDER, without programs.
set -eu
target=$1
shift
# pip takes one bundle in place of the public one, so an authority of this machine is added to that.
cat /etc/ssl/certs/ca-certificates.crt > /tmp/authorities
[ ! -f /run/secrets/certificates ] || cat /run/secrets/certificates >> /tmp/authorities
pip install --quiet --upgrade --target "$target" "$@"
rm -rf /tmp/authorities "${target:?}/bin"
# A recorded path of this build would differ each time.
find "$target" -path '*.dist-info/direct_url.json' -delete

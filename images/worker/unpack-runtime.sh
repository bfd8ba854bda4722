#!/bin/sh
# unpack-runtime.sh RELEASE HOME: puts the Node that RELEASE/entrypoint.sh asks for where its head looks for it, so that a
# container starts without a download. Which Node that is, and both digests, the head itself says.
set -eu
release=$1 home=$2
value() {
  found=$(head -c 6144 "$release/entrypoint.sh" | sed -n "s/^$2\$/\\1/p")
  echo "$found" | grep -qxE '[0-9a-f]{64}' || { echo "the head of entrypoint.sh does not say its $1" >&2; exit 1; }
  echo "$found"
}
node=$(value runtime 'node=\([0-9a-f]*\)')
gz=$(value 'gzip runtime' '\*)set -- \([0-9a-f]*\) [0-9]*')
[ -f "$release/artifacts/$gz" ] || { echo "the release lacks artifacts/$gz: build it again" >&2; exit 1; }

dir=$home/artifacts/$node
mkdir -p "$dir"
echo "$gz  $release/artifacts/$gz" | sha256sum -c --quiet -
gzip -dc "$release/artifacts/$gz" >"$dir/node"
echo "$node  $dir/node" | sha256sum -c --quiet -
chmod 755 "$dir/node"
# It must run on this base: a library that is lacking ends the build here.
"$dir/node" --version

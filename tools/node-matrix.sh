#!/bin/sh
# Runs the README's test command on every supported Node, or on those given: tools/node-matrix.sh 22.23.3 26.10.0
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 20.19.0 20.20.2 22.23.3 24.21.0 26.10.0
pnpm=$(node -p "require('./package.json').packageManager")
failed=
for version; do
  printf '\n=== Node %s\n' "$version"
  npx -y -p "node@$version" -p "$pnpm" -- pnpm test || failed="$failed $version"
done
[ -z "$failed" ] || { echo "failed on Node$failed" >&2; exit 1; }

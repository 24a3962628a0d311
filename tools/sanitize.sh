#!/bin/sh
# Runs the tests of packages against an addon built with AddressSanitizer and UndefinedBehaviorSanitizer, in every process
# that they start: tools/sanitize.sh sync shm [test files]. Or a campaign: tools/sanitize.sh faults scribbler --rounds 500. Build
# them first (build:tests); the addon of the package itself has a command of its own (packages/native/scripts/sanitize.mjs).
#
# It works on a copy, so that the addon in use stays as it is. Leaks are not looked for: V8 frees nothing at exit. Any other
# report ends the process that made it, and so fails its test.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT INT TERM

names=
while [ $# -gt 0 ] && [ -d "packages/$1" ]; do
  names="$names $1"
  shift
done
[ -n "$names" ] || names=' shm sync'

cp package.json "$copy"
ln -s "$root/node_modules" "$copy/node_modules"
for folder in packages/* tools/testkit tools/faults docs; do
  mkdir -p "$copy/$folder"
  for part in "$folder"/*; do cp -a "$part" "$copy/$folder"; done
done

(cd "$copy/packages/native" && rm -rf build &&
  CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1' node scripts/build.mjs)

# libasan must come before everything else in a program that was not built with it.
export LD_PRELOAD="$(${CC:-cc} -print-file-name=libasan.so)"
export ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_sigbus=0:abort_on_error=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1
if [ "${1-}" = faults ]; then
  shift
  cd "$copy" && node tools/faults/dist/main.js "$@"
  exit
fi
# What AddressSanitizer makes impossible: it turns mlock into nothing.
excluded='locked and filled pages'
failed=
for name in $names; do
  printf '\n=== @ipc/%s under ASan and UBSan\n' "$name"
  (cd "$copy/packages/$name" && npx vitest run --test-timeout 300000 -t "^(?!.*$excluded)" "$@") || failed="$failed $name"
done
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }

#!/bin/sh
# Every changeset can be read, and every public package that was never released is described by one.
set -eu
cd "$(dirname "$0")/.."
status=.changeset/status.json
trap 'rm -f "$status"' EXIT
node_modules/.bin/changeset status --output="$status"
node -e '
  const { readFileSync, readdirSync } = require("node:fs");
  const { changesets } = JSON.parse(readFileSync(process.argv[1], "utf8"));
  const described = new Set(changesets.flatMap(({ releases }) => releases.map(({ name }) => name)));
  const missing = readdirSync("packages")
    .map((folder) => JSON.parse(readFileSync(`packages/${folder}/package.json`, "utf8")))
    .filter(({ name, version, private: hidden }) => !hidden && version === "0.0.0" && !described.has(name))
    .map(({ name }) => name);
  if (missing.length > 0) {
    console.error(`no changeset describes ${missing.join(", ")}: run \`npx -y pnpm@12.21.0 changeset\``);
    process.exit(1);
  }
  console.log(`changesets describe ${described.size} packages`);
' "$status"

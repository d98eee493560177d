#!/bin/sh
# SPDX-License-Identifier: MIT
# built-from.sh FILE: a header that says which commit the tree is at: its date, its name, -dirty where something differs.
# Written only if that has changed, so that nothing is compiled again without need. A tree without git says so.
set -eu
cd "$(dirname "$0")/.."

what="unknown: built without git"
if [ -e .git ] && name=$(git -c safe.directory='*' describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null); then
	what="$(git -c safe.directory='*' log -1 --format=%cs) git:$name"
fi
line="#define BUILT_FROM \"$what\""
mkdir -p "$(dirname "$1")"
[ "$(cat "$1" 2>/dev/null)" = "$line" ] || { echo "$line" >"$1.$$" && mv "$1.$$" "$1"; }

#!/bin/sh
# SPDX-License-Identifier: MIT
# Install the Debian packages of scripts/packages.txt (or of the files given) that are missing: as root, or through
# sudo where that needs no password; otherwise say what to run. Costs nothing when all are there.
set -eu
cd "$(dirname "$0")/.."

wanted=$(sed 's/#.*//' "${@:-scripts/packages.txt}" | tr -s '[:space:]' ' ')
# shellcheck disable=SC2086 # a list
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p' || true)
missing=
for p in $wanted; do
	echo "$have" | grep -qx "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	sudo=
elif sudo -n true 2>/dev/null; then
	sudo=sudo
else
	echo "These Debian packages are missing. As root, run:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "Installing:$missing"
$sudo apt-get update -q || echo "setup: the package index could not be renewed; trying with what is there" >&2
# shellcheck disable=SC2086 # a list
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing

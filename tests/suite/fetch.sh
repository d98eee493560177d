#!/bin/sh
# SPDX-License-Identifier: MIT
# Sources of the suite's programs, from Debian's archive: fetch.sh OUT
# A private apt root under OUT/apt asks for source packages, so that the machine's own lists stay as they are. apt checks what
# comes: the index by the archive's signing key, each file by the index. Unpacked, with Debian's patches, into OUT/src/NAME.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
packages="lua5.4 sqlite3 tcc busybox"
[ -e "$out/src/.complete" ] && exit 0

apt=$out/apt
rm -rf "$out/src"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$out/src" "$out/dsc"
: >"$apt/status"
. /etc/os-release
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror ${VERSION_CODENAME:-bookworm} main" \
	>"$apt/sources.list"

private_apt() {
	apt-get -qq -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" \
		-o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Sandbox::User=root "$@"
}

private_apt update || true # harmless if the packages are available all the same
for p in $packages; do
	(cd "$out/dsc" && private_apt source --download-only "$p" >/dev/null) || {
		echo "suite: needed: source package $p; mend: check network and $mirror" >&2
		exit 1
	}
	# apt has checked the files: the signature of the packager needs a key that is not installed everywhere.
	dpkg-source --no-check --no-copy -x "$out/dsc/${p}"_*.dsc "$out/src/$p" >"$out/dsc/$p.log"
done
touch "$out/src/.complete"

#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch-debian.sh ARCHITECTURE DIR PACKAGE...: Debian's packages of any architecture, without touching the machine's own apt:
# a private apt root under DIR/apt, packages unpacked into DIR/root. Prints nothing if all of it is there already.
# ARCHITECTURE may be `source`: then the packages' original sources, of Debian 12 whatever this machine is, since the
# kernel's own code is written for them. apt checks what it has fetched by Debian's signature, as with the others.
set -eu

arch=$1
dir=$(mkdir -p "$2" && cd "$2" && pwd)
shift 2
packages="$*"
complete=$dir/root/.complete-$(echo "$packages" | cksum | cut -d ' ' -f 1)
[ -e "$complete" ] && exit 0

apt=$dir/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/etc" "$dir/root" "$dir/deb"
: >"$apt/status"
. /etc/os-release
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
case $arch in
source) echo "deb-src [signed-by=$keyring] $mirror bookworm main" ;;
*) echo "deb [signed-by=$keyring arch=$arch] $mirror ${VERSION_CODENAME:-bookworm} main" ;;
esac >"$apt/etc/sources.list"

# Every directory that apt uses or writes is private; the machine's proxy settings in /etc/apt stay in force.
private_apt()
{
	if [ "$arch" != source ]; then
		set -- -o APT::Architecture="$arch" -o APT::Architectures::="$arch" "$@"
	fi
	apt-get -qq -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" \
		-o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/etc/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
}

# An index error is harmless if the packages are available anyway; this is checked below.
private_apt update || true
if [ "$arch" = source ]; then
	# shellcheck disable=SC2086 # a list
	(cd "$dir/deb" && private_apt source --download-only $packages) || true
	for p in $packages; do
		set -- "$dir"/deb/"$p"_*.orig.tar.*
		[ -e "$1" ] || { echo "fetch-debian: needed: source package $p; mend: check network and $mirror" >&2; exit 1; }
		# No need of xz: Python reads it too.
		python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$1" "$dir/root"
	done
	touch "$complete"
	exit 0
fi
# shellcheck disable=SC2086 # a list
(cd "$dir/deb" && private_apt download $packages)
for p in $packages; do
	set -- "$dir"/deb/"$p"_*_"$arch".deb
	[ -e "$1" ] || { echo "fetch-debian: needed: package $p:$arch; mend: check network and $mirror" >&2; exit 1; }
	dpkg-deb -x "$1" "$dir/root"
done
touch "$complete"

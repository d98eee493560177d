#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches Debian's i386 packages (busybox-static, musl, libraries of packers) without touching the machine's own apt:
# a private apt root of architecture i386 under $1/apt, packages unpacked into $1/root. Prints nothing if
# all of it is there already.
set -eu

dir=$(mkdir -p "$1" && cd "$1" && pwd)
packages="busybox-static musl-dev musl liblzma-dev liblz4-dev libzstd-dev"
complete=$dir/root/.complete-$(echo "$packages" | cksum | cut -d ' ' -f 1)
[ -e "$complete" ] && exit 0

apt=$dir/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/etc" "$dir/root" "$dir/deb"
: >"$apt/status"
. /etc/os-release
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
echo "deb [signed-by=$keyring arch=i386] $mirror ${VERSION_CODENAME:-bookworm} main" >"$apt/etc/sources.list"

# Every directory that apt uses or writes is private; the machine's proxy settings in /etc/apt stay in force.
private_apt()
{
	apt-get -qq -o APT::Architecture=i386 -o APT::Architectures::=i386 \
		-o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" \
		-o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/etc/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
}

# An index error is harmless if the packages are available anyway; this is checked below.
private_apt update || true
(cd "$dir/deb" && private_apt download $packages)
for p in $packages; do
	set -- "$dir"/deb/"$p"_*_i386.deb
	[ -e "$1" ] || { echo "fetch-i386: needed: package $p:i386; mend: check network and $mirror" >&2; exit 1; }
	dpkg-deb -x "$1" "$dir/root"
done
touch "$complete"

#!/bin/sh
# SPDX-License-Identifier: MIT
# Real guests from Debian packages: fetch_guests.sh OUT
# Downloads the packages into OUT/deb (nothing is installed), and puts into OUT the kernels: Linux's as Debian packs them,
# the others packed by gzip, for Dom0's file system, since rl reads both; and all as ELF files, since a Dom0 must be one
# here. What is already there is kept.
set -eu
out=$1
here=$(dirname "$0")
unpack=build/dom0-tools/rl-unpack
mkdir -p "$out/deb"

# How far it is: of seven steps those that are to be done, told on a terminal as the build's are.
start=$(date +%s) step=0 steps=0
for f in vmlinux-cloud vmlinux grub-x86_64-xen.bin grub-i386-xen.bin modules/list gnumach xen-4.17; do
	[ -s "$out/$f" ] || steps=$((steps + 1))
done

# The next step has begun.
begin() {
	step=$((step + 1))
	if [ -t 1 ]; then
		sh "$here/progress.sh" "$step" "$steps" "$start" GUEST "$1"
	else
		echo "  GUEST    $1"
	fi
}

# The newest kernel package that a metapackage stands for.
kernel_package() {
	apt-cache depends --no-recommends --no-suggests "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | tail -n 1
}

# The file of package $1 in OUT/deb, downloaded if it is not there.
fetch() {
	found=$(find "$out/deb" -name "$1_*.deb" | sort | tail -n 1)
	if [ -z "$found" ]; then
		echo "  FETCH    $1" >&2
		(cd "$out/deb" && apt-get download -q "$1" >download.log 2>&1) || {
			cat "$out/deb/download.log" >&2
			echo "fetch_guests: cannot download $1; needed: Debian 12's package sources and a network" >&2
			return 1
		}
		found=$(find "$out/deb" -name "$1_*.deb" | sort | tail -n 1)
	fi
	echo "$found"
}

# member PACKAGE-FILE PATTERN: the one file of the package whose name matches, to the standard output.
member() {
	dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "$2"
}

# A file is written completely or not at all: the next run trusts what it finds.
finish() {
	gzip -9nc "$1.part" >"$1.gz.part"
	mv "$1.gz.part" "$1.gz"
	mv "$1.part" "$1"
}

linux() { # NAME METAPACKAGE PATTERN PACKED
	[ -s "$out/$4" ] && [ -s "$out/$1" ] && return
	begin "$out/$1"
	package=$(ls "$out/deb" | sed -n "s/^\($3\)_.*\.deb\$/\1/p" | tail -n 1)
	[ -n "$package" ] || package=$(kernel_package "$2")
	deb=$(fetch "$package")
	member "$deb" './boot/vmlinuz-*' >"$out/$4.part"
	"$unpack" "$out/$4.part" >"$out/$1.part"
	mv "$out/$4.part" "$out/$4"
	mv "$out/$1.part" "$out/$1"
}

grub() { # NAME FILE
	[ -s "$out/$1" ] && return
	begin "$out/$1"
	deb=$(fetch grub-xen-host)
	member "$deb" "./usr/lib/grub-xen/$2" >"$out/$1.part"
	finish "$out/$1"
}

mach() {
	[ -s "$out/gnumach" ] && return
	begin "$out/gnumach"
	deb=$(fetch gnumach-image-1.8-xen-486)
	member "$deb" './boot/gnumach-*-xen-*.gz' | gzip -dc >"$out/gnumach.part"
	python3 "$here/mend_gnumach.py" "$out/gnumach.part"
	finish "$out/gnumach"
}

# Debian's Xen, for the tests that start the same guests on it.
xen() {
	[ -s "$out/xen-4.17" ] && return
	begin "$out/xen-4.17"
	deb=$(fetch xen-hypervisor-4.17-amd64)
	member "$deb" './boot/xen-4.17-amd64.gz' | gzip -dc >"$out/xen-4.17.part"
	mv "$out/xen-4.17.part" "$out/xen-4.17"
}

# Drivers for QEMU's devices, for Linux as Dom0.
modules() {
	[ -s "$out/modules/list" ] && return
	begin "$out/modules"
	package=$(ls "$out/deb" | sed -n 's/^\(linux-image-[0-9.-]*-amd64\)_.*\.deb$/\1/p' | tail -n 1)
	[ -n "$package" ] || package=$(kernel_package linux-image-amd64)
	deb=$(fetch "$package")
	python3 "$here/linux_modules.py" "$deb" "$out/modules" virtio_pci virtio_blk virtio_net nvme e1000e ahci sd_mod
}

apt-cache show grub-xen-host >/dev/null 2>&1 || apt-get update -q >&2 || true
linux vmlinux-cloud linux-image-cloud-amd64 'linux-image-[0-9.-]*-cloud-amd64' vmlinuz-cloud
linux vmlinux linux-image-amd64 'linux-image-[0-9.-]*-amd64' vmlinuz
grub grub-x86_64-xen.bin grub-x86_64-xen.bin
grub grub-i386-xen.bin grub-i386-xen.bin
modules
mach
xen

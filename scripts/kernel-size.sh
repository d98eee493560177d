#!/bin/sh
# SPDX-License-Identifier: MIT
# The teaching kernel's size: lines of C and assembly in each of its rooms, and the bytes of the builds that are
# there. It must stay small enough to read: more lines than LIMIT are a failure. 1,920 of them are for the folder that the
# host shares: PCI and virtio (500, for disks and nets too), the client of 9P (1,320), and what the VFS needs for files that
# others may change; 150 for terminals: levels of the kernel's messages, answers that nobody waits for, further serial lines;
# 2,300 for disks: the block layer, partitions, the buffer cache with reading ahead and writing back, virtio's disks, its modern interface;
# 1,550 for the disks that other domains serve: devices of the store's (450, for network cards too), the ring of a disk, its states,
# disk (a program that checks and times them);
# 6,000 for networks: sockets over lwIP (2,600), routes, addresses and their netlink and ioctl() interfaces (1,300), devices, packets and
# checksums (900), network cards, TAPs and terminals for telnetd (1,200);
# 3,000 for ext2, what it needs of mounting, and a root on a disk.
set -eu
cd "$(dirname "$0")/.."
LIMIT=38800

for room in . native pv x86 drivers kern "kern/*" user; do
	case $room in
	kern/*) dir=$(find guest-kernel/kern -mindepth 1 -maxdepth 1 -type d | sort) ;;
	*) dir=guest-kernel/$room ;;
	esac
	for d in $dir; do
		case $room in
		.|kern) depth="-maxdepth 1" ;;
		*) depth= ;;
		esac
		# shellcheck disable=SC2086 # none or two words
		find "$d" $depth \( -name '*.[ch]' -o -name '*.asm' \) -exec cat {} + |
			wc -l | sed "s|\$| $d|"
	done
done | awk -v limit="$LIMIT" '
	{ sub("guest-kernel/", "", $2); printf "%7d  %s\n", $1, $2 == "." ? "machine.h" : $2; all += $1 }
	END {
		printf "%7d  lines of the teaching kernel (at most %d)\n", all, limit
		exit all > limit
	}'
for k in native32 native64 pv32 pv64; do
	[ ! -e "build/guest/kernel-$k.debug.elf" ] || size "build/guest/kernel-$k.debug.elf" |
		awk -v k="$k" 'NR == 2 { printf "%7d  bytes of code and constants, %d of data: %s\n", $1, $2 + $3, k }'
done

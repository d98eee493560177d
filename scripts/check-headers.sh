#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header stands alone: a file that includes nothing else compiles, for each word size its room is built for. And each
# source begins with its licence line, in one spelling (scripts after their #! line).
set -u
cd "$(dirname "$0")/.."
status=0
abi="-Iabi/include -Ibuild/abi"

check() { # flags, header
	# shellcheck disable=SC2086 # flags are a list
	printf '#include "%s"\n' "$PWD/$2" | gcc -std=gnu11 -Wall -Werror $1 -fsyntax-only -xc - || {
		echo "check-headers: $2 does not stand alone ($1)"
		status=1
	}
}

headers() { # folder...
	found=$(find "$@" -name '*.h' | sort)
	[ -n "$found" ] || { echo "check-headers: no headers in $*"; exit 1; } >&2
	echo "$found"
}

for h in $(headers hypervisor); do
	check "-m64 -ffreestanding -mgeneral-regs-only -Ihypervisor $abi" "$h"
done
for h in $(headers abi | grep -v 'xen-x86_'); do
	check "-m64 $abi" "$h"
	check "-m32 $abi" "$h"
done
for h in $(headers tests/fw); do
	check "-m64 -O1 -ffreestanding -Itests/fw $abi" "$h"
	check "-m32 -O1 -ffreestanding -Itests/fw $abi" "$h"
done
for h in $(headers dom0-tools); do
	check "-m64 -Idom0-tools/lib -Ihypervisor $abi" "$h"
	check "-m32 -Idom0-tools/lib -Ihypervisor $abi" "$h"
done
for h in $(headers guest-kernel/machine.h guest-kernel/kern guest-kernel/x86); do
	check "-m64 -ffreestanding -mgeneral-regs-only -Iguest-kernel $abi" "$h"
	check "-m32 -ffreestanding -mgeneral-regs-only -Iguest-kernel $abi" "$h"
done

licence="SPDX-License-Identifier: MIT"
licensed() { # spelling, pattern of names...
	spelling=$1
	shift
	for pattern; do
		find abi docs dom0-tools guest-kernel hypervisor scripts tests -name "$pattern" -type f
	done | while read -r f; do
		sed -n '/^#!/d;p;q' "$f" | grep -qxF "$spelling" ||
			sed -n '2{p;q}' "$f" | grep -qxF "$spelling" || echo "check-headers: $f does not begin with: $spelling"
	done
}
found=$(licensed "/* $licence */" '*.c' '*.h' '*.js' '*.lds' hypercalls.def
	licensed "; $licence" '*.asm'
	licensed "# $licence" '*.py' '*.sh' '*.mk' '*.awk' guest-test run-qemu)
[ -z "$found" ] || { echo "$found"; status=1; }
exit $status

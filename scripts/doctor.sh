#!/bin/sh
# SPDX-License-Identifier: MIT
# make doctor: each tool's version here beside the one that was tested, and what does not work without it. Exit code 0 if
# `make run` can work. CROSS, MEM and ROOT (where the system's files are; for the test of this script) may be set.
set -u
root=${ROOT:-}
cross=${CROSS:-}
run_lacks=
other_lacks=0

number() { # the first version number of what is read
	grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1
}

older() { # VERSION TESTED: is it?
	[ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

row() {
	printf '%-24s %-12s %-12s %s\n' "$@"
}

lack() { # NAME TESTED PACKAGE what does not work
	row "$1" missing "$2" "without it: $4 (package $3)"
	if [ "$4" = "$all" ]; then
		run_lacks="$run_lacks, $1"
	else
		other_lacks=$((other_lacks + 1))
	fi
}

# NAME TESTED PACKAGE OPTION WITHOUT: a program and how it tells its version
tool() {
	if ! command -v "$1" >/dev/null; then
		lack "$1" "$2" "$3" "$5"
		return
	fi
	here=$("$1" $4 2>&1 </dev/null | number)
	if [ -z "$here" ]; then
		row "$1" there "$2" "it tells no version"
	elif older "$here" "$2"; then
		row "$1" "$here" "$2" "older than what was tested: $5 may fail"
	elif older "${2%.*}.999999" "$here"; then
		row "$1" "$here" "$2" "newer than what was tested"
	else
		row "$1" "$here" "$2" ok
	fi
}

# NAME PACKAGE WITHOUT COMMAND...: something that a command finds out
ability() {
	name=$1 package=$2 without=$3
	shift 3
	if "$@" >/dev/null 2>&1; then
		row "$name" there "" ok
	else
		lack "$name" "" "$package" "$without"
	fi
}

compiles() { # LINE COMPILER...: can this program be made?
	line=$1
	shift
	out=$(mktemp)
	echo "$line" | "$@" -xc -o "$out" -
	code=$?
	rm -f "$out"
	return $code
}

row tool here "tested with" ""
all="make run, and all else"
tool make 4.3 make --version "$all"
tool "${cross}gcc" 12.2.0 gcc --version "$all"
tool "${cross}ld" 2.40 binutils --version "$all"
tool nasm 2.16.01 nasm -v "$all"
tool python3 3.11.2 python3 --version "$all"
tool qemu-system-x86_64 7.2 qemu-system-x86 --version "$all"
tool grub-mkrescue 2.06 grub-common --version "$all"
tool xorriso 1.5.4 xorriso --version "$all"
tool mformat 4.0.32 mtools --version "$all"
main='int main(void) { return 0; }'
ability "programs of 32 bits" gcc-multilib "$all" compiles "$main" "${cross}gcc" -m32 -c
ability "static programs" "libc6-dev, libc6-dev-i386" "$all" compiles "$main" "${cross}gcc" -m32 -static
if [ -z "$cross" ]; then
	tool musl-gcc 12.2.0 musl-tools --version "$all"
	ability "GRUB for BIOS" grub-pc-bin "$all" test -e "$root/usr/lib/grub/i386-pc/kernel.img"
	ability "static busybox" busybox-static "$all" test -x "$root/bin/busybox"
	ability "static bash" bash-static "$all" test -x "$root/bin/bash-static"
	ability "liblzma, liblz4, libzstd" "liblzma-dev, liblz4-dev, libzstd-dev" "$all" \
		compiles "$main" gcc -static -Wl,--no-as-needed -llzma -llz4 -lzstd
fi
# Debian's i386 packages are fetched once.
if ls build/i386/root/.complete-* >/dev/null 2>&1; then
	ability apt-get apt "make guests, make linux-dom0" command -v apt-get
else
	ability apt-get apt "$all" command -v apt-get
fi
tool gdb 13.1 gdb --version "make debug"
tool tmux 3.3 tmux -V "make tmux, make debug WINDOWS=tmux"
tool git 2.39 git --version "make lab, and the commit in rl info"
tool patch 2.7.6 patch --version "make lab, make grade"
tool clang 14.0.6 clang --version "make test, make fuzz-host"
ability "clang's sanitizers" libclang-rt-14-dev "make test, make fuzz-host" compiles "$main" clang -fsanitize=fuzzer-no-link,address
tool llvm-cov 14.0.6 llvm --version "make fuzz-coverage"
tool clang-format 14.0.6 clang-format --version "make format, make lint"
tool cppcheck 2.10 cppcheck --version "make lint"
tool spin 6.5.2 spin -V "make verify, and one test of make test"
tool chromium 156.0 chromium --version "one test of make test"
ability tclsh tcl "make suite, and four tests of make test" command -v tclsh
ability "cmocka" libcmocka-dev "make test" compiles '#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>' gcc -c
ability "Xen's headers" libxen-dev "make test" compiles '#include <stdint.h>
#include <xen/xen.h>' gcc -c
for packer in lz4 xz zstd; do
	ability $packer "$(echo $packer | sed 's/^xz/xz-utils/')" "make test" command -v $packer
done
ability qemu-img qemu-utils "make test" command -v qemu-img
ability dpkg-source dpkg-dev "make suite, and four tests of make test" command -v dpkg-source
PATH=$PATH:/sbin:/usr/sbin
ability depmod kmod "make linux-dom0" command -v depmod
ability cpio cpio "make linux-dom0" command -v cpio
ability mke2fs e2fsprogs "make run-linux, linux-disk, appliances; make test" command -v mke2fs

echo
memory=$(awk '/^MemAvailable/ { print int($2 / 1024) }' "$root/proc/meminfo" 2>/dev/null)
space=$(df -Pm . | awk 'NR == 2 { print $4 }')
echo "Processors: $(nproc 2>/dev/null || echo "?"); memory free: ${memory:-?} MiB (make run takes ${MEM:-512}, make test up to 4,000);" \
	"space here: $space MiB (make takes 300, make test 2,000)"
[ "$other_lacks" = 0 ] || echo "On Debian, targets install what only they need, as root or through sudo."
if [ -n "$run_lacks" ]; then
	echo "make run cannot work here: it lacks ${run_lacks#, }. On Debian 12: sh scripts/setup.sh run; elsewhere: docs/other-hosts.md"
	exit 1
fi
echo "make run can work here."

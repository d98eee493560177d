#!/bin/sh
# SPDX-License-Identifier: MIT
# tcc's own tests (tests/tests2), each compiled and linked here, then run; output and messages must be what the package
# says. What its Makefile gives to some is here too, and what it leaves out for musl or for this processor.
#	tcc.sh WORD-SIZE [NAME...]
cd "$(dirname "$0")/tcc" || exit 1
word=$1
shift
work=/tmp/tcc-test
mkdir -p $work

skip() {
	case $word-$1 in
	*-34_* | 64-73_* | 64-98_* | 64-99_* | *-112_*) echo "its Makefile leaves it out here" ;;
	32-95_*) echo "its Makefile leaves it out where the word has 32 bits" ;;
	*-60_* | *-96_*) echo "-run of a static tcc: two C libraries in one process lose what is printed, on Linux as well" ;;
	*-113_*) echo "shared libraries" ;;
	*-11[4567]_*) echo "bounds checking, which tcc does not have with musl" ;;
	esac
}

compile_and_run() { # NAME
	args=
	flags=
	case $1 in
	31_args) args="arg1 arg2 arg3 arg4 arg5" ;;
	76_dollars_in_identifiers) flags=-fdollars-in-identifiers ;;
	104_inline) flags=104+_inline.c ;;
	106_pthread) flags=-pthread ;;
	46_grep)
		tcc -static -o $work/a "$1.c" && (cd $work && ln -sf /suite/tcc/46_grep.c . && ./a '[^* ]*[:a:d: ]+\:\*-/: $' 46_grep.c)
		return
		;;
	esac
	# shellcheck disable=SC2086 # lists
	tcc -static $flags "$1.c" -o $work/a && (cd $work && ./a $args)
}

[ $# -gt 0 ] || set -- $(ls | sed -n 's/\.expect$//p')
for name; do
	why=$(skip "$name")
	if [ -n "$why" ]; then
		echo "SKIPPED: $name: $why"
		continue
	fi
	compile_and_run "$name" >$work/out 2>&1
	if diff -b "$name.expect" $work/out >$work/diff; then
		echo "PASS: $name"
	else
		echo "FAIL: $name"
		head -n 12 $work/diff
	fi
done

#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz-host.sh test|long|coverage NAME [RUNS LENGTH]: one target of tests/host/fuzz.mk.
#	test       all kept inputs, then RUNS new ones made from them, always the same
#	long       RUNS new ones, at random; those that reach new code join the corpus, minimised: tests/host/corpus/NAME.tar.gz
#	coverage   which code the kept inputs reach
# An input that fails is left in build/tests/host/fuzz/NAME-crash-*: once the bug is fixed, it belongs in the corpus.
set -eu
what=$1 name=$2
out=build/tests/host/fuzz
corpus=$out/corpus/$name
new=$out/new/$name
export CMOCKA_TEST_ABORT=1

inputs() {
	find "$corpus" -type f ! -name .unpacked
}

fuzz() { # arguments of libFuzzer; the corpus is $new
	"$out/$name" -verbosity=0 -print_final_stats=1 -timeout=60 -artifact_prefix="$out/$name-" "$@" > "$out/$name.log" 2>&1 && return
	tail -60 "$out/$name.log"
	return 1
}

case $what in
test)
	kept=$(inputs | wc -l)
	if [ "$kept" -eq 0 ]; then
		echo "fuzz-$name: no corpus"
		exit 1
	fi
	rm -rf "$new"
	mkdir -p "$new"
	find "$corpus" -type f ! -name .unpacked -exec cp {} "$new" \;
	fuzz -seed=1 -runs=$((kept + $3)) -max_len="$4" "$new"
	echo "# $kept inputs kept, $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log") run"
	;;
long)
	mkdir -p "$new"
	fuzz -runs="$3" -max_len="$4" "$new" "$corpus"
	rm -rf "$out/merged"
	mkdir -p "$out/merged"
	"$out/$name" -merge=1 -max_len="$4" "$out/merged" "$corpus" "$new" > "$out/$name.log" 2>&1
	mkdir -p tests/host/corpus
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$out/merged" -c . | gzip -9n > "tests/host/corpus/$name.tar.gz"
	echo "$name: $3 runs, $(find "$out/merged" -type f | wc -l) inputs kept"
	;;
coverage)
	inputs > "$out/$name.list"
	xargs env LLVM_PROFILE_FILE="$out/$name.raw" "$out/$name-coverage" -verbosity=0 < "$out/$name.list" > /dev/null 2>&1
	llvm-profdata merge -o "$out/$name.profile" "$out/$name.raw"
	echo "== $name: $(wc -l < "$out/$name.list") inputs"
	llvm-cov report --show-branch-summary --show-region-summary=false --ignore-filename-regex='tests/|\.h$' \
		-instr-profile="$out/$name.profile" "$out/$name-coverage" | sed "s|$PWD/||"
	;;
esac

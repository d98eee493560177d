#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the suite's programs from their sources, static, with musl: build.sh OUT WORD-SIZE ROOT COMPILER...
# OUT is where fetch.sh has put src/; what comes is in OUT/WORD-SIZE. What is there already is kept. Below ROOT, usr/ has musl.
set -eu
# `make test T=word` would give the programs' own makefiles a T, and the rest of what make passes on.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES T
here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$1" && pwd)
word=$2
headers=$(echo "$3"/usr/include/*86*-linux-musl)
libraries=$(echo "$3"/usr/lib/*86*-linux-musl)
shift 3
src=$out/src
dest=$out/$word
mkdir -p "$dest"

# One word, for makefiles that need a compiler without blanks; static, as configure runs what it has compiled.
cc=$dest/cc
printf '#!/bin/sh\nexec %s -static "$@"\n' "$*" >"$cc"
chmod 755 "$cc"

lua() {
	mkdir -p "$dest/lua-include"
	# Debian's patch asks for this header, which its rules make: where libraries for this machine would be.
	echo '#define DEB_HOST_MULTIARCH "none"' >"$dest/lua-include/lua5.4-deb-multiarch.h"
	# shellcheck disable=SC2046 # a list
	"$cc" -s -O1 -w -DLUA_USE_POSIX -I"$dest/lua-include" -o "$dest/lua" \
		$(ls "$src"/lua5.4/src/*.c | grep -v '/luac\.c') -lm
}

# The library as one file and the shell: the same for both word sizes, made by scripts of the package in Tcl.
sqlite_sources() {
	[ -e "$out/sqlite/.complete" ] && return
	mkdir -p "$out/sqlite"
	(cd "$out/sqlite" && "$src/sqlite3/configure" --disable-tcl --disable-readline && make sqlite3.c shell.c) \
		>"$out/sqlite/log" 2>&1 && touch "$out/sqlite/.complete"
}

sqlite() {
	sqlite_sources && "$cc" -s -O1 -w -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_THREADSAFE=0 -o "$dest/sqlite3" \
		"$out/sqlite/shell.c" "$out/sqlite/sqlite3.c" -lm
}

# The 32-bit musl was compiled by gcc and needs one function of gcc's library that tcc's lacks.
missing_division() {
	[ "$word" = 64 ] || (cd "$dest/tcc-build" && ar x "$("$cc" -print-libgcc-file-name)" _udivmoddi4.o &&
		ar r libtcc1.a _udivmoddi4.o 2>/dev/null)
}

# What it links with on the kernel.
musl() {
	mkdir -p "$dest/musl" &&
		python3 "$here/direct_calls.py" "$dest/musl" "$libraries"/lib[cm].a "$libraries"/libpthread.a "$libraries"/crt[1in].o
}

# On the kernel it finds everything below /usr/lib and /usr/include, where suite.list puts it.
tcc() {
	mkdir -p "$dest/tcc-build"
	(
		cd "$dest/tcc-build" && "$src/tcc/configure" --cc="$cc" --cpu="$([ "$word" = 64 ] && echo x86_64 || echo i386)" --config-musl \
			--enable-static --extra-cflags='-O1 -w' --prefix=/usr --tccdir=/usr/lib/tcc \
			--sysincludepaths={B}/include:/usr/include --libpaths=/usr/lib --crtprefix=/usr/lib && make tcc libtcc1.a XFLAGS-unx="-B$src/tcc -I$src/tcc/include -I$headers"
	) >"$dest/tcc.log" 2>&1 && missing_division && musl && strip -o "$dest/tcc" "$dest/tcc-build/tcc"
}

for program in lua sqlite3 tcc; do
	[ ! -e "$dest/$program" ] || continue
	echo "  SUITE    $dest/$program"
	"${program%3}" || {
		echo "suite: cannot build $program: see the logs in $dest and $out/sqlite" >&2
		exit 1
	}
done

# SPDX-License-Identifier: MIT
# From `nm -n` of the first link: the table of lib/symbols.c, as NASM source. Each function costs four bytes of
# offset from the start of the text and its name.
BEGIN {
	print "section .symbols progbits alloc noexec nowrite align=4"
	print "global symbol_count, symbol_offsets, symbol_names"
}
# Addresses are 16 hexadecimal digits; the image spans far less than 4 GiB, so the low eight tell the offset.
function low(hex) { return substr(hex, 9) }
$3 == "text_start" { base = low($1); next }
base != "" && $3 == "text_end" { exit }
base != "" && $2 ~ /^[tT]$/ && $3 !~ /\./ || base != "" && $3 ~ /\.(part|constprop|isra|cold)/ {
	if ($1 == last)
		next
	last = $1
	offsets[n] = low($1); names[n] = $3; n++
}
END {
	printf "symbol_count: dd %d\nsymbol_offsets:\n", n
	for (i = 0; i < n; i++)
		printf "dd 0x%s - 0x%s\n", offsets[i], base
	print "symbol_names:"
	for (i = 0; i < n; i++)
		printf "db \"%s\", 0\n", names[i]
}

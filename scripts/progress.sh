#!/bin/sh
# SPDX-License-Identifier: MIT
# progress.sh N M START WORD WHAT: the line of the build's Nth step of M, which began at START (seconds since 1970); from ten
# seconds on with an estimate of what is left, which takes all steps for equally long.
left=
past=$(($(date +%s) - $3))
if [ "$past" -ge 10 ] && [ "$1" -lt "$2" ]; then
	left=$((past * ($2 - $1) / $1))
	left=", $((left / 60)):$(printf %02d $((left % 60))) left"
fi
printf '[%*d/%d%s] %-8s %s\n' ${#2} "$1" "$2" "$left" "$4" "$5"

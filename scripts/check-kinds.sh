#!/bin/sh
# SPDX-License-Identifier: MIT
# Differences between guest kinds live in hypervisor/pv/ (struct guest_ops). Elsewhere no code asks "which kind?":
# not by comparing ops, not by name, not by an is_32bit flag. Choosing the kind of a new domain is an assignment.
set -u
cd "$(dirname "$0")/.."
found=$(find hypervisor -name '*.[ch]' | grep -v '^hypervisor/pv/' | xargs grep -nE \
	'[=!]= *&?pv(32|64)_ops|if \(.*\b(is_)?(pv32|pv64|32bit)\b|->is_(pv32|32bit|compat)' /dev/null)
[ -z "$found" ] && exit 0
echo "$found"
echo "check-kinds: a difference between guest kinds outside hypervisor/pv/"
exit 1

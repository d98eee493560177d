# SPDX-License-Identifier: MIT
# What Tab completes behind `rl` in bash. rl itself knows the words (rl help complete).
_rl() {
	local - IFS=$'\n' word
	set -f # a word of the answer is no pattern
	COMPREPLY=()
	for word in $(rl complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
		case $word in
		@file)
			compopt -o filenames
			COMPREPLY+=($(compgen -f -- "$2"))
			;;
		*[=/])
			compopt -o nospace
			COMPREPLY+=("$word")
			;;
		*) COMPREPLY+=("$(printf %q "$word")") ;;
		esac
	done
}
complete -F _rl rl

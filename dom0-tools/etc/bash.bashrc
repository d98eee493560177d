# SPDX-License-Identifier: MIT
# Read by bash in Dom0 before its first prompt.
PS1='\h:$PWD\$ '
set +H # `!` is an ordinary character, as in the small shell
HISTFILE=
bind 'set enable-bracketed-paste off'
# The small shell finds busybox's commands without a file of their name.
command_not_found_handle() {
	if busybox --list | grep -qxF -- "$1"; then
		busybox "$@"
	else
		echo "$1: not found" >&2
		return 127
	fi
}
. /usr/share/bash-completion/completions/rl

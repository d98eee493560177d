#!/bin/sh
# SPDX-License-Identifier: MIT
# One tmux window: Dom0 in its upper half, and CONSOLES (2) further serial lines of the machine in panes below. With -d
# only the session's name is printed.
set -eu
cd "$(dirname "$0")/.."
lines=${CONSOLES:-2}
session=ringlet-$$

if ! command -v tmux >/dev/null; then
	echo "make tmux needs tmux: apt-get install tmux" >&2
	exit 1
fi
tmux new-session -d -s "$session" "make run CONSOLES=$lines; echo 'Enter closes this'; read -r key"
tmux set-option -t "$session" main-pane-height 50%
n=1
while [ "$n" -le "$lines" ]; do
	tmux split-window -t "$session" "python3 scripts/console.py $n"
	tmux select-layout -t "$session" main-horizontal >/dev/null
	n=$((n + 1))
done
tmux select-pane -t "$session:.{top-left}"
if [ "${1-}" = -d ]; then
	echo "$session"
	exit
fi
if [ "${TMUX-}" ]; then
	exec tmux switch-client -t "$session"
fi
exec tmux attach -t "$session"

#!/bin/sh
# SPDX-License-Identifier: MIT
# Run once at boot, before the first shell.
mount -t proc proc /proc
mount -t tmpfs tmpfs /tmp
# A folder of the machine's host, if it shares one by this name (QEMU: -virtfs ...,mount_tag=host).
mkdir -p /host
mount -t 9p host /host 2>/dev/null || rmdir /host

# The root file system's own start-up, if it has one (Dom0 starts its daemons there).
[ -x /etc/rc ] && /etc/rc

# run=COMMAND on the kernel's command line: started in the background; commas stand for blanks.
for word in $(cat /proc/cmdline); do
	case $word in
	run=*) sh -c "$(echo "${word#run=}" | tr , ' ')" & ;;
	esac
done

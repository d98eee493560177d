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

# What a domain is called says the store, if it answers; Dom0 and the bare machine have names of their own.
# hostname=NAME and loglevel=N on the kernel's command line come first. From here on only warnings reach the console, or with
# `quiet` nothing, as before.
level=5 host=
for word in $(cat /proc/cmdline); do
	case $word in
	hostname=*) host=${word#*=} ;;
	loglevel=*) level=${word#*=} ;;
	quiet) level=1 ;;
	esac
done
if [ ! "$host" ] && [ "$(hostname)" != dom0 ] && [ -c /dev/xen/xenbus ]; then
	host=$(timeout 5 store read name 2>/dev/null) && hostname "$host"
fi
dmesg -n "$level"

# The first network card asks for an address, in the background; noip on the command line: it does not.
if grep -q eth0: /proc/net/dev && ! grep -qw noip /proc/cmdline; then
	udhcpc -f -i eth0 -x "hostname:$(hostname)" >/dev/null 2>&1 &
fi

# run=COMMAND on the kernel's command line: started in the background; commas stand for blanks.
for word in $(cat /proc/cmdline); do
	case $word in
	run=*) sh -c "$(echo "${word#run=}" | tr , ' ')" & ;;
	esac
done

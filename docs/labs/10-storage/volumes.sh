# SPDX-License-Identifier: MIT
# Lab 10: what Dom0 does below a guest's disk. README.md says what each function is to do. It ends with 0 if it has been done.

# Two drives become a mirror, the mirror a pool, and the pool lends 32 MiB as pool/work.
build() {
	mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --assume-clean --bitmap=internal "$1" "$2" &&
		pvcreate /dev/md0 && vgcreate pool /dev/md0 &&
		lvcreate -L 60M -T pool/thin && lvcreate -V 32M -T pool/thin -n work
}

# To 48 MiB, under the guest.
grow() {
	lvextend -L 48M pool/work
}

# A snapshot of pool/work, named $1, that can be read.
keep() {
	lvcreate -s -n "$1" pool/work && lvchange -ay -K "pool/$1"
}

# pool/work becomes what the snapshot $1 has. Nobody has it open.
back() {
	lvchange -an "pool/$1" pool/work && lvconvert --merge "pool/$1" && lvchange -ay pool/work
}

# One of the two drives has gone; $1 takes its place, and has all when this ends.
replace() {
	mdadm /dev/md0 --add "$1" && while ! grep -qF '[2/2] [UU]' /proc/mdstat; do sleep 0.2; done
}

# SPDX-License-Identifier: MIT
# Debian's Linux as Dom0, with Debian's xl: build/linux-dom0/dom0.cpio is its file system. Not part of `make all`: it needs a
# network.

LINUX_DOM0 := $(B)/linux-dom0
LINUX_DISK := $(B)/linux-disk

.PHONY: linux-dom0 linux-dom0-iso linux-dom0-figures disk-figures run-linux
linux-dom0: $(LINUX_DOM0)/dom0.cpio $(B)/ringlet.elf ## fetch Debian's Linux and xl, and pack them as a Dom0

# A disk for guests of one's own; it is kept.
$(LINUX_DOM0)/disk.img:
	$(call say,MKFS,$@)mkdir -p $(@D) && truncate -s 1G $@.part && mke2fs -q -t ext4 -L guests $@.part && mv $@.part $@

run-linux: ## boot Linux as Dom0, with a disk and a network (HYPERVISOR=xen: on Debian's Xen)
	$(Q)$(MAKE) --no-print-directory linux-dom0 $(LINUX_DOM0)/disk.img
	$(Q)python3 scripts/linux-dom0/run.py $(or $(HYPERVISOR),ringlet)

$(LINUX_DOM0)/debian.cpio: scripts/linux-dom0/build.py scripts/debian_tree.py scripts/linux-dom0/packages.txt scripts/linux-dom0/modules.txt $(GUESTS)/.fetched
	$(call say,DEBIAN,$@)python3 $< $(GUESTS)/deb $(LINUX_DOM0)

# A Linux guest's file system, with drivers for its disks and networks.
$(LINUX_DOM0)/domu.cpio: scripts/guests/linux.list scripts/guests/init scripts/linux-dom0/domu.list scripts/linux-dom0/udhcpc $(GUESTS)/.fetched
	$(call say,CPIO,$@)mkdir -p $(@D) && \
	python3 scripts/linux_modules.py $(GUESTS)/deb/linux-image-*-cloud-amd64_*.deb $(LINUX_DOM0)/domu-modules \
		xen_blkfront xen_netfront && \
	python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) $@ scripts/guests/linux.list scripts/linux-dom0/domu.list \
		$(LINUX_DOM0)/domu-modules/list

# Linux takes several archives behind one another.
$(LINUX_DOM0)/dom0.cpio: $(LINUX_DOM0)/debian.cpio $(LINUX_DOM0)/domu.cpio $(GUESTS)/initrd-disk.cpio $(B)/dom0.cpio $(B)/guest/hello.list scripts/linux-dom0/dom0.list \
		$(wildcard scripts/linux-dom0/*) $(wildcard scripts/linux-dom0/xen/*)
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D TOOLS=$(B)/dom0-tools -D GUESTS=$(GUESTS) -D GUEST=$(B)/guest \
		-D OUT=$(LINUX_DOM0) $(LINUX_DOM0)/ours.cpio dom0-tools/dom0.list $(B)/guest/hello.list \
		scripts/linux-dom0/dom0.list && \
	cat $(LINUX_DOM0)/debian.cpio $(LINUX_DOM0)/ours.cpio >$@.part && mv $@.part $@

linux-dom0-iso: $(LINUX_DOM0)/linux-dom0.iso ## pack them as an ISO: on Ringlet, on Debian's Xen, on the bare machine

$(LINUX_DOM0)/linux-dom0.iso: scripts/linux-dom0/grub.cfg $(LINUX_DOM0)/dom0.cpio $(B)/ringlet.elf
	$(call say,ISO,$@)rm -rf $(LINUX_DOM0)/iso && mkdir -p $(LINUX_DOM0)/iso/boot/grub && \
	ln $(B)/ringlet.elf $(LINUX_DOM0)/dom0.cpio $(GUESTS)/vmlinux $(GUESTS)/vmlinuz $(LINUX_DOM0)/iso/boot/ && \
	ln $(GUESTS)/xen-4.17 $(LINUX_DOM0)/iso/boot/xen && cp scripts/linux-dom0/grub.cfg $(LINUX_DOM0)/iso/boot/grub/ && \
	grub-mkrescue --directory=$(GRUB_PC) -o $@ $(LINUX_DOM0)/iso >$@.log 2>&1 || { cat $@.log; exit 1; }

linux-dom0-figures: linux-dom0 $(LINUX_DISK)/disk.img ## what it costs on Ringlet and on Xen: speed, and instructions of the hypervisor
	$(Q)python3 scripts/linux-dom0/figures.py speed
	$(Q)python3 scripts/linux-dom0/figures.py count

disk-figures: linux-dom0 $(LINUX_DISK)/disk.img $(GK_OUT)/kernel-native64.elf $(GK_OUT)/initrd64.cpio ## what a request for a disk costs, and whom: bare, Dom0, guests, on Xen (UNIT=time or fair; ON=)
	$(Q)python3 scripts/linux-dom0/figures.py disks $(or $(UNIT),instructions)

# A disk with a Linux on it, which starts there.
.PHONY: linux-disk
linux-disk: $(LINUX_DISK)/disk.img ## make a disk with Debian's Linux and GRUB's menu, for guests that start from disk

$(LINUX_DISK)/disk.img: $(wildcard scripts/linux-disk/*) scripts/debian_tree.py scripts/linux-dom0/udhcpc $(GUESTS)/initrd-disk.cpio $(GUESTS)/vmlinux-cloud.gz \
		$(B)/guest/kernel-pv64.elf $(B)/guest/kernel-pv32.elf $(B)/guest/initrd64.cpio $(B)/guest/initrd32.cpio
	$(call say,DISK,$@)python3 scripts/linux-disk/build.py $(LINUX_DISK) $(LINUX_DOM0)/deb GUESTS=$(GUESTS) \
		GUEST=$(B)/guest

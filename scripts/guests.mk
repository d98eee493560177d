# SPDX-License-Identifier: MIT
# Real guests from Debian packages, beside the default image: build/guests.cpio is Dom0's file system with them,
# build/guests.iso boots it. Nothing here is part of `make all`: it needs a network.

GUESTS := $(B)/guests

.PHONY: guests run-guests
guests: $(B)/guests.cpio $(B)/guests.iso ## fetch real guests (Linux, GRUB, GNU Mach) and pack them for Dom0

run-guests: ## boot the machine that has the real guests
	$(Q)$(MAKE) --no-print-directory guests
	$(Q)MEM=$${MEM:-1536} sh scripts/run-qemu -cdrom $(B)/guests.iso

$(GUESTS)/.fetched: scripts/fetch_guests.sh scripts/linux_modules.py scripts/mend_gnumach.py | $(B)/dom0-tools/rl-unpack
	$(call say,FETCH,$(GUESTS))mkdir -p $(GUESTS) && sh $< $(GUESTS) && touch $@

$(GUESTS)/initrd-linux.cpio: dom0-tools/mkcpio.py scripts/guests/linux.list scripts/guests/init scripts/guests/poweroff
	$(call say,CPIO,$@)mkdir -p $(GUESTS) && python3 $< -D BUSYBOX=$(BUSYBOX) $@ scripts/guests/linux.list

# GRUB unpacks gzip, and not the lz4 of Debian's kernel.
$(GUESTS)/vmlinux-cloud.gz: $(GUESTS)/.fetched
	$(call say,GZIP,$@)gzip -nc $(@:.gz=) >$@.part && mv $@.part $@

# For a Linux that has its root on a disk.
$(GUESTS)/initrd-disk.cpio: scripts/linux-disk/initramfs scripts/linux-disk/initramfs.list $(GUESTS)/.fetched
	$(call say,CPIO,$@)python3 scripts/linux_modules.py $(GUESTS)/deb/linux-image-*-cloud-amd64_*.deb $(GUESTS)/disk-modules \
		xen_blkfront xen_netfront && \
	python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) $@ scripts/linux-disk/initramfs.list $(GUESTS)/disk-modules/list

# For Linux as Dom0: with drivers.
$(GUESTS)/initrd-devices.cpio: $(GUESTS)/initrd-linux.cpio $(GUESTS)/.fetched
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) $@ scripts/guests/linux.list $(GUESTS)/modules/list

$(B)/guests.cpio: $(B)/dom0.cpio $(GUESTS)/.fetched $(GUESTS)/initrd-linux.cpio $(GUESTS)/initrd-disk.cpio scripts/guests/guests.list \
		$(wildcard scripts/guests/*.cfg)
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUESTS=$(GUESTS) -D GUEST=$(B)/guest $@ \
		guest-kernel/user/base.list dom0-tools/dom0.list scripts/guests/guests.list

$(B)/guests.iso: scripts/guests/grub.cfg $(B)/guests.cpio $(B)/ringlet.elf $(B)/guest/kernel-pv64.elf
	$(call say,ISO,$@)rm -rf $(B)/guests-iso && mkdir -p $(B)/guests-iso/boot/grub && \
	cp $(filter-out %.cfg,$^) $(B)/guests-iso/boot/ && cp $< $(B)/guests-iso/boot/grub/grub.cfg && \
	grub-mkrescue --directory=$(GRUB_PC) -o $@ $(B)/guests-iso >$(B)/guests-iso.log 2>&1 || \
	{ cat $(B)/guests-iso.log; exit 1; }

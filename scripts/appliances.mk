# SPDX-License-Identifier: MIT
# Two appliances (docs/appliances.md): the teaching kernel, and Debian's Linux with a web server. Not part of `make all`: the second
# one needs a network.

APPLIANCES := $(B)/appliances

.PHONY: appliances
appliances: $(APPLIANCES)/ringlet.rla $(APPLIANCES)/web.rla ## make two appliances for `rl run`: the teaching kernel, and Linux with a web server

$(APPLIANCES)/ringlet.rla: scripts/appliances/ringlet.cfg $(B)/guest/kernel-pv64.elf $(B)/guest/initrd64.cpio $(B)/dom0-tools/rl
	$(call say,PACK,$@)mkdir -p $(@D) && $(B)/dom0-tools/rl pack -o $@ $< kernel=$(B)/guest/kernel-pv64.elf \
		ramdisk=$(B)/guest/initrd64.cpio

$(APPLIANCES)/web.cpio: scripts/appliances/web.list scripts/appliances/init scripts/appliances/poweroff scripts/linux_modules.py \
		$(GUESTS)/.fetched
	$(call say,CPIO,$@)mkdir -p $(@D) && \
	python3 scripts/linux_modules.py $(GUESTS)/deb/linux-image-*-cloud-amd64_*.deb $(APPLIANCES)/modules xen_blkfront && \
	python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) $@ $< $(APPLIANCES)/modules/list

$(APPLIANCES)/web.img: $(wildcard scripts/appliances/www/* scripts/appliances/www/cgi-bin/*)
	$(call say,MKFS,$@)mkdir -p $(@D) && rm -f $@ && truncate -s 8M $@.part && \
	mke2fs -qF -t ext4 -E root_owner=0:0 -d scripts/appliances/www $@.part && mv $@.part $@

$(APPLIANCES)/web.rla: scripts/appliances/web.cfg $(APPLIANCES)/web.cpio $(APPLIANCES)/web.img $(GUESTS)/vmlinux-cloud.gz \
		$(B)/dom0-tools/rl $(B)/dom0-tools/rl-image
	$(call say,PACK,$@)PATH=$(B)/dom0-tools:$$PATH $(B)/dom0-tools/rl pack -o $@ $< kernel=$(GUESTS)/vmlinux-cloud.gz \
		ramdisk=$(APPLIANCES)/web.cpio 'disk=["$(APPLIANCES)/web.img,raw,xvda,w"]'

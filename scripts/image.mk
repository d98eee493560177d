# SPDX-License-Identifier: MIT
# build/ringlet.iso: GRUB for BIOS machines with everything Ringlet needs (scripts/grub.cfg is the menu).

ISO_FILES := $(B)/ringlet.elf $(B)/guest/kernel-pv64.elf $(B)/guest/kernel-pv32.elf \
	$(B)/guest/kernel-native64.elf $(B)/dom0.cpio $(B)/dom0-32.cpio $(B)/guest/initrd64.cpio

$(B)/ringlet.iso: scripts/grub.cfg $(ISO_FILES)
	$(call say,ISO,$@)rm -rf $(B)/iso && mkdir -p $(B)/iso/boot/grub && \
	cp $(ISO_FILES) $(B)/iso/boot/ && cp scripts/grub.cfg $(B)/iso/boot/grub/grub.cfg && \
	grub-mkrescue --directory=$(GRUB_PC) -o $@ $(B)/iso >$(B)/iso.log 2>&1 || { cat $(B)/iso.log; exit 1; }

all: $(B)/ringlet.iso

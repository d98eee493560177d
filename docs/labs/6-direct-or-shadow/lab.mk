# SPDX-License-Identifier: MIT
# The program `pages` for 32-bit guests, a root file system that has it, and a Dom0 that has both.

LAB6     := docs/labs/6-direct-or-shadow
LAB6_OUT := $(B)/labs/6-direct-or-shadow

$(LAB6_OUT)/pages: $(LAB6)/pages.c | $(USER_I386)
	$(call say,CC32,$@)mkdir -p $(@D) && $(USER_CC_32) $(USER_CFLAGS) -o $@ $<

$(LAB6_OUT)/initrd32.cpio: $(LAB6_OUT)/pages $(LAB6)/guest.list $(GK_OUT)/initrd32.cpio
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(USER_BUSYBOX_32) -D PROGRAMS=$(GK_OUT)/user32 \
		-D TOOLS=$(B)/dom0-tools32 -D LAB=$(LAB6_OUT) $@ $(USER_DIR)/base.list $(LAB6)/guest.list

$(LAB6_OUT)/dom0.cpio: $(LAB6_OUT)/initrd32.cpio $(LAB6)/dom0.list $(B)/dom0.cpio
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(USER_BUSYBOX_64) -D PROGRAMS=$(GK_OUT)/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(GK_OUT) -D LAB=$(LAB6_OUT) $@ \
		$(USER_DIR)/base.list dom0-tools/dom0.list $(LAB6)/dom0.list

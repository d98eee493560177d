# SPDX-License-Identifier: MIT
# Programs for the teaching kernel and its small root file systems, build/guest/initrd{32,64}.cpio.
# The 32-bit compiler and busybox come from Debian's i386 packages (scripts/cross.mk).

USER_DIR      := guest-kernel/user
USER_PROGRAMS := $(basename $(notdir $(wildcard $(USER_DIR)/programs/*.c)))
USER_COST     := $(wildcard $(USER_DIR)/cost/*.c)
USER_I386     := $(B)/i386/musl-gcc.specs
USER_CFLAGS   := -std=gnu11 -Os $(WARN) -static -s -fno-asynchronous-unwind-tables $(ABI_CFLAGS)
USER_CC_64     = $(MUSL_CC)
USER_CC_32     = $(CC) -m32 -specs=$(USER_I386)
USER_BUSYBOX_64 := $(BUSYBOX)
USER_BUSYBOX_32 := $(B)/i386/root/bin/busybox

# $(1): word size; $(2): what the compiler needs first
define USER_RULES
$(GK_OUT)/user$(1)/%: $(USER_DIR)/programs/%.c | $(2) $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$@)$$(USER_CC_$(1)) $$(USER_CFLAGS) -o $$@ $$<
$(GK_OUT)/user$(1)/cost: $(USER_COST) $(wildcard $(USER_DIR)/cost/*.h $(USER_DIR)/cost/*.def) | $(2) $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$@)$$(USER_CC_$(1)) $$(USER_CFLAGS) -o $$@ $$(filter %.c,$$^)
$(GK_OUT)/initrd$(1).cpio: $(USER_DIR)/base.list $$(wildcard $(USER_DIR)/etc/*) dom0-tools/mkcpio.py \
		$(USER_PROGRAMS:%=$(GK_OUT)/user$(1)/%) $(GK_OUT)/user$(1)/cost $(B)/dom0-tools$(1:64=)/store | $(2)
	$$(call say,CPIO,$$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$$(USER_BUSYBOX_$(1)) \
		-D PROGRAMS=$(GK_OUT)/user$(1) -D TOOLS=$(B)/dom0-tools$(1:64=) $$@ $(USER_DIR)/base.list
all: $(GK_OUT)/initrd$(1).cpio
endef
$(eval $(call USER_RULES,64,$(AMD64_SPECS)))
$(eval $(call USER_RULES,32,$(USER_I386)))

# SPDX-License-Identifier: MIT
# Test programs of the teaching kernel: each .c file here is one, built for both word sizes and run on all four builds
# (tests/system/programs.py).

TEST_PROGRAMS := $(basename $(notdir $(wildcard tests/programs/*.c)))
PROGRAMS_OF_DOM0 := foreign # need a hypervisor

# $(1): word size; $(2): what the compiler needs first
define TEST_PROGRAM_RULES
$(B)/tests/user$(1)/%: tests/programs/%.c tests/programs/check.h | $(2) $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$@)$$(USER_CC_$(1)) $$(USER_CFLAGS) -o $$@ $$<
$(B)/tests/programs$(1).cpio: $(GK_OUT)/initrd$(1).cpio $(TEST_PROGRAMS:%=$(B)/tests/user$(1)/%) tests/programs/programs.mk
	$$(call say,CPIO,$$@)printf 'file /usr/bin/%s 755 $(B)/tests/user$(1)/%s\n' \
		$(foreach p,$(TEST_PROGRAMS),$(p) $(p)) > $$(@:.cpio=.list) && \
	python3 dom0-tools/mkcpio.py -D BUSYBOX=$$(USER_BUSYBOX_$(1)) -D PROGRAMS=$(GK_OUT)/user$(1) \
		-D TOOLS=$(B)/dom0-tools$(1:64=) $$@ $(USER_DIR)/base.list $$(@:.cpio=.list)
endef
$(eval $(call TEST_PROGRAM_RULES,64,))
$(eval $(call TEST_PROGRAM_RULES,32,$(USER_I386)))

$(foreach k,native32 native64 pv32 pv64,$(eval $(call test,programs-$(k),400,\
	python3 tests/system/programs.py $(k) $(if $(filter native%,$(k)),$(filter-out $(PROGRAMS_OF_DOM0),$(TEST_PROGRAMS)),$(TEST_PROGRAMS)),\
	$(GK_OUT)/kernel-$(k).elf $(B)/tests/programs$(patsubst native%,%,$(patsubst pv%,%,$(k))).cpio $(B)/ringlet.elf)))

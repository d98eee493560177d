# SPDX-License-Identifier: MIT
# Programs that others wrote, from Debian's sources, on the teaching kernel (tests/system/suite.py): a short form among
# the tests, `make suite` for all.

SUITE      := $(B)/suite
SUITE_DIR  := tests/suite
SUITE_ROOT_64 := /
SUITE_ROOT_32 := $(CURDIR)/$(I386_DIR)/root
SUITE_CC_64   := $(MUSL_CC)
SUITE_CC_32   := $(CC) -m32 -specs=$(CURDIR)/$(USER_I386)

$(SUITE)/src/.complete: $(SUITE_DIR)/fetch.sh
	$(call say,FETCH,$(SUITE)/src)sh $< $(SUITE) && touch $@

# $(1): word size; $(2): what the compiler needs first. Both build the same sources of sqlite: one after the other.
define SUITE_RULES
$(SUITE)/$(1)/.complete: $(SUITE)/src/.complete $(wildcard $(SUITE_DIR)/*.sh $(SUITE_DIR)/*.py) | $(2)
	$$(Q)sh $(SUITE_DIR)/build.sh $(SUITE) $(1) $$(SUITE_ROOT_$(1)) $$(SUITE_CC_$(1)) && touch $$@
$(SUITE)/$(1).cpio: $(GK_OUT)/initrd$(1).cpio $(SUITE)/$(1)/.complete $(wildcard $(SUITE_DIR)/kernel/*) $(SUITE_DIR)/mklist.py
	$$(call say,CPIO,$$@)python3 $(SUITE_DIR)/mklist.py $(SUITE) $(1) $$(SUITE_ROOT_$(1)) > $$(@:.cpio=.list) && \
	python3 dom0-tools/mkcpio.py -D BUSYBOX=$$(USER_BUSYBOX_$(1)) -D PROGRAMS=$(GK_OUT)/user$(1) \
		-D TOOLS=$(B)/dom0-tools$(1:64=) $$@ $(USER_DIR)/base.list $$(@:.cpio=.list)
endef
$(eval $(call SUITE_RULES,64,))
$(eval $(call SUITE_RULES,32,$(USER_I386) $(SUITE)/64/.complete))

$(foreach k,$(GK_KINDS),$(eval $(call test,suite-$(k),600,python3 tests/system/suite.py $(k) short,\
	$(GK_OUT)/kernel-$(k).elf $(SUITE)/$(patsubst native%,%,$(patsubst pv%,%,$(k))).cpio $(B)/ringlet.elf)))

.PHONY: suite
suite: $(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) $(SUITE)/64.cpio $(SUITE)/32.cpio $(B)/ringlet.elf ## run Lua, sqlite, tcc's and busybox's own tests on the teaching kernel (K=kind: on one build)
	$(Q)for k in $(or $(K),$(GK_KINDS)); do python3 tests/system/suite.py $$k long || failed=1; done; exit $${failed:-0}

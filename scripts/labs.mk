# SPDX-License-Identifier: MIT
# The labs of docs/labs: starting copies, grading, and for each lab the proof that its grader works (scripts/labs.py).

# A starting copy has no patches, and so nothing to prove.
LABS := $(sort $(patsubst docs/labs/%/start.patch,%,$(wildcard docs/labs/*/start.patch)))

.PHONY: lab grade test-labs
lab: all ## make a student's starting copy of lab LAB=n (DIR=: where)
	$(Q)python3 scripts/labs.py start '$(LAB)' $(DIR)

grade: ## grade lab LAB=n in this tree (DIR=tree, or PATCH=file as handed in; JSON=1 NONCE=word: the last line)
	$(Q)python3 scripts/labs.py grade '$(LAB)' $(if $(DIR),--dir $(DIR)) $(if $(PATCH),--patch $(PATCH)) \
		$(if $(JSON),--json) $(if $(NONCE),--nonce '$(NONCE)') $(if $(GRADESCOPE),--gradescope $(GRADESCOPE)) \
		$(if $(CLASSROOM50),--classroom50 $(CLASSROOM50))

test-labs: all linux-dom0 ## each lab's grader on all wrong solutions of docs/labs/*/wrong.txt (LAB=n)
	$(Q)for n in $(or $(LAB),$(foreach l,$(LABS),$(firstword $(subst -, ,$(l))))); do \
		echo "# lab $$n"; python3 scripts/labs.py test $$n --all || exit 1; done

# Where the marks of a judge are (docs/labs/mark.h); a grader says a number of its own.
LAB_PAD ?= 0

# A lab's own guest programs: docs/labs/N-name/x.c becomes build/labs/N-name/x-pv64.elf and -pv32.elf.
# $(1): kind
define LAB_RULES
$(B)/labs/%-$(1).o: docs/labs/%.c | $(ABI_STAMP)
	$$(call say,CC,$$@)mkdir -p $$(@D) && $(CC) $$(FW_CFLAGS) $$(FW_CFLAGS_$(1)) -Idocs/labs -Wa,--defsym=LAB_PAD=$$(LAB_PAD) -c $$< -o $$@

$(B)/labs/%-$(1).elf: $(B)/labs/%-$(1).o $$(FW_OBJS_$(1)) $(B)/tests/fw/guest-$(1).lds
	$$(call say,LD,$$@)$(LD) $$(FW_LD_$(1)) -z max-page-size=4096 --no-warn-rwx-segments -z noexecstack \
		-T $(B)/tests/fw/guest-$(1).lds -o $$@ $$(filter %.o,$$^)
endef
$(foreach k,pv64 pv32,$(eval $(call LAB_RULES,$(k))))
# What else a lab builds is in its lab.mk.
-include $(wildcard docs/labs/*/lab.mk) $(wildcard $(B)/labs/*/*.d)

# The copies that these tests make need a complete build/ to start from. Lab 10 boots Linux for a minute each time: `make test-labs`.
$(foreach l,$(filter-out 10-%,$(LABS)),$(eval $(call test,labs-$(firstword $(subst -, ,$(l))),1500,\
	python3 scripts/labs.py test $(firstword $(subst -, ,$(l))))))
ifneq ($(LABS),)
$(eval $(call test,labs-tools,300,python3 tests/system/labs_tools.py))
endif
test-images: all

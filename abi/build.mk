# SPDX-License-Identifier: MIT
# The ABI: headers as they are, and what is made from the two tables. build/abi is an include path.

ABI_CFLAGS  := -Iabi/include -I$(B)/abi
ABI_HEADERS := $(wildcard abi/include/xen/*.h abi/include/xen/*/*.h)
ABI_MADE    := $(addprefix $(B)/abi/,hypercalls.h hypercall_table.inc hypercalls.inc hypercall_stubs.h \
	hypercall_errors.h 	xlat.h xlat.c compat_offsets.h)

# Everything that compiles C or assembly names $(ABI_STAMP) as an order-only prerequisite.
ABI_STAMP := $(B)/abi/stamp

$(ABI_STAMP): abi/hypercalls.def abi/translated.def scripts/gen_hypercalls.py scripts/gen_xlat.py $(ABI_HEADERS)
	$(call say,ABI,$(B)/abi)mkdir -p $(B)/abi && \
	python3 scripts/gen_hypercalls.py abi/hypercalls.def $(B)/abi && \
	python3 scripts/gen_xlat.py abi/translated.def abi/include $(B)/abi && touch $@
$(ABI_MADE): $(ABI_STAMP) ;

.PHONY: abi docs check-docs
abi: $(ABI_STAMP)

RL := $(B)/dom0-tools/rl
MAN_PAGES := rl.1 rl.cfg.5
docs: $(RL) ## renew the generated documentation pages
	$(Q)python3 scripts/gen_hypercalls.py --doc abi/hypercalls.def . > $(B)/hypercalls.md && cp $(B)/hypercalls.md abi/hypercalls.md
	$(Q)python3 scripts/gen_settings.py $(RL) docs/rl.md > $(B)/rl.md && cp $(B)/rl.md docs/rl.md
	$(Q)mkdir -p docs/man && for p in $(MAN_PAGES); do \
		python3 scripts/gen_man.py $(RL) $$p > $(B)/$$p && cp $(B)/$$p docs/man || exit 1; done

check-docs: $(RL) # the committed pages say what the tables and the sources say
	$(Q)python3 scripts/gen_hypercalls.py --doc abi/hypercalls.def . | diff -u abi/hypercalls.md - \
		|| { echo "abi/hypercalls.md is stale: run make docs"; exit 1; }
	$(Q)python3 scripts/gen_settings.py $(RL) docs/rl.md | diff -u docs/rl.md - \
		|| { echo "docs/rl.md is stale: run make docs"; exit 1; }
	$(Q)for p in $(MAN_PAGES); do python3 scripts/gen_man.py $(RL) $$p | diff -u docs/man/$$p - \
		|| { echo "docs/man/$$p is stale: run make docs"; exit 1; }; \
		said=$$(groff -man -ww -z docs/man/$$p 2>&1) && [ ! "$$said" ] || { echo "$$said"; exit 1; }; done

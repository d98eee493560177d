# Unit tests of the Dom0 tools: on the build machine, with address and undefined-behaviour checks.
# SPDX-License-Identifier: MIT

TOOLS_TESTS   := tools_builder tools_cfg tools_kernel tools_records tools_store
TOOLS_TESTED  := $(wildcard dom0-tools/lib/*.c) $(TOOLS_SHARED) dom0-tools/rl/table.c \
	dom0-tools/consoled/store.c
TOOLS_TCFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN) \
	$(ABI_CFLAGS) -Idom0-tools/lib -Idom0-tools/rl -Idom0-tools/consoled -Itests/host -Ihypervisor

$(B)/tests/host/tools/%.o: %.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(TOOLS_TCFLAGS) -MMD -MP -c -o $@ $<

TOOLS_TESTED_O := $(TOOLS_TESTED:%.c=$(B)/tests/host/tools/%.o) $(B)/tests/host/tools/tests/host/tools_fake.o

$(TOOLS_TESTS:%=$(B)/tests/host/%): $(B)/tests/host/%: $(B)/tests/host/tools/tests/host/%.o $(TOOLS_TESTED_O)
	$(call say,LD,$@)$(CC) -fsanitize=address,undefined -o $@ $^ -lcmocka

-include $(TOOLS_TESTED_O:.o=.d) $(TOOLS_TESTS:%=$(B)/tests/host/tools/tests/host/%.d)

$(foreach t,$(TOOLS_TESTS),$(eval $(call test,host-$(subst _,-,$(t)),120,$(B)/tests/host/$(t),$(B)/tests/host/$(t))))

# Unit tests of the Dom0 tools: on the build machine, with address and undefined-behaviour checks.
# SPDX-License-Identifier: MIT

TOOLS_TESTS   := tools_builder tools_cfg tools_kernel tools_records tools_store tools_store_fair tools_store_rules tools_timeline
TOOLS_STORED  := $(filter-out %/main.c,$(wildcard dom0-tools/stored/*.c))
TOOLS_TESTED  := $(wildcard dom0-tools/lib/*.c) $(TOOLS_SHARED) dom0-tools/rl/table.c $(TOOLS_STORED)
TOOLS_TCFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN) \
	$(ABI_CFLAGS) -Idom0-tools/lib -Idom0-tools/rl -Idom0-tools/stored -Itests/host -Ihypervisor

$(B)/tests/host/tools/%.o: %.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(TOOLS_TCFLAGS) -MMD -MP -c -o $@ $<

TOOLS_TESTED_O := $(patsubst %.c,$(B)/tests/host/tools/%.o,$(TOOLS_TESTED) tests/host/tools_fake.c \
	tests/host/tools_store_client.c)

$(TOOLS_TESTS:%=$(B)/tests/host/%): $(B)/tests/host/%: $(B)/tests/host/tools/tests/host/%.o $(TOOLS_TESTED_O)
	$(call say,LD,$@)$(CC) -fsanitize=address,undefined -o $@ $^ -lcmocka

-include $(TOOLS_TESTED_O:.o=.d) $(TOOLS_TESTS:%=$(B)/tests/host/tools/tests/host/%.d)

$(foreach t,$(TOOLS_TESTS),$(eval $(call test,host-$(subst _,-,$(t)),120,$(B)/tests/host/$(t),$(B)/tests/host/$(t))))

# The fuzz target: clang's libFuzzer over everything that is read from files.
FUZZ_TOOLS_SRC := tests/host/fuzz_tools.c $(addprefix dom0-tools/lib/,cfg.c err.c files.c guest_abi.c kernel.c plan.c) $(TOOLS_SHARED)
$(B)/tests/host/fuzz_tools: $(FUZZ_TOOLS_SRC) | $(ABI_STAMP)
	$(call say,FUZZ,$@)mkdir -p $(@D) && clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined $(ABI_CFLAGS) \
		-Idom0-tools/lib -Ihypervisor -o $@ $(FUZZ_TOOLS_SRC)

FUZZ_TOOLS_SEEDS := dom0-tools/etc/rl/demo64.cfg $(B)/guest/kernel-pv64.elf $(B)/guest/kernel-pv32.elf
$(eval $(call test,fuzz-tools,120,$(B)/tests/host/fuzz_tools -runs=200000 -max_len=8192 -verbosity=0 \
	-seed_inputs=dom0-tools/etc/rl/demo64.cfg$(COMMA)$(B)/guest/kernel-pv64.elf$(COMMA)$(B)/guest/kernel-pv32.elf,\
	$(B)/tests/host/fuzz_tools $(FUZZ_TOOLS_SEEDS)))

# The fuzz target of the store: everything a guest may write into its ring.
FUZZ_STORE_SRC := tests/host/fuzz_store.c $(TOOLS_STORED)
$(B)/tests/host/fuzz_store: $(FUZZ_STORE_SRC) $(wildcard dom0-tools/stored/*.h) | $(ABI_STAMP)
	$(call say,FUZZ,$@)mkdir -p $(@D) && clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined $(ABI_CFLAGS) \
		-Idom0-tools/stored -o $@ $(FUZZ_STORE_SRC)
$(eval $(call test,fuzz-store,120,$(B)/tests/host/fuzz_store -max_total_time=10 -max_len=4096 -len_control=20 -verbosity=0,\
	$(B)/tests/host/fuzz_store))

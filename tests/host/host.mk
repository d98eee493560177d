# Unit tests of the hypervisor's mechanism, on the build machine with address and undefined-behaviour checks. Each
# tests/host/test_<name>.c includes the sources it tests and stands in for what they call.
# SPDX-License-Identifier: MIT

HOST_TESTS  := $(patsubst tests/host/test_%.c,%,$(wildcard tests/host/test_*.c))
HOST_TFLAGS := -std=gnu11 -g -O1 -DHOST_TEST -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	$(filter-out -Wmissing-prototypes,$(WARN)) -Ihypervisor $(ABI_CFLAGS) -Itests/host

$(HOST_TESTS:%=$(B)/tests/host/%): $(B)/tests/host/%: tests/host/test_%.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(HOST_TFLAGS) -MMD -MP -MF $@.d -o $@ $< -lcmocka

-include $(HOST_TESTS:%=$(B)/tests/host/%.d)

$(foreach t,$(HOST_TESTS),$(eval \
	$(call test,host-$(t),120,CMOCKA_MESSAGE_OUTPUT=TAP $(B)/tests/host/$(t),$(B)/tests/host/$(t))))

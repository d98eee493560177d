# SPDX-License-Identifier: MIT
# Unit tests of the hypervisor's mechanism, on the build machine with address and undefined-behaviour checks. Each
# tests/host/test_<name>.c includes the sources it tests and stands in for what they call. What is not set is a pattern, not what
# the stack had there before.

HOST_TESTS  := $(patsubst tests/host/test_%.c,%,$(wildcard tests/host/test_*.c))
HOST_TFLAGS := -std=gnu11 -g -O1 -ftrivial-auto-var-init=pattern -DHOST_TEST -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	$(filter-out -Wmissing-prototypes,$(WARN)) -Ihypervisor $(ABI_CFLAGS) -Itests/host

# Locks are as they are; a library, so that tests get them that have no others.
HOST_LOCK  := $(B)/tests/host/hypervisor/lib/spinlock.o
HOST_LOCKS := $(B)/tests/host/locks.a
$(HOST_LOCKS): $(HOST_LOCK)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(HOST_TESTS:%=$(B)/tests/host/%): $(B)/tests/host/%: tests/host/test_%.c $(HOST_LOCKS) | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(HOST_TFLAGS) -MMD -MP -MF $@.d -o $@ $< $(filter %.o,$^) $(HOST_LOCKS) -lcmocka

# The teaching kernel's.
$(addprefix $(B)/tests/host/,blk_ring net_ring blkfront block ext2 ext2_cuts ext2_damage mbr p9 p9_client virtio virtio_blk): HOST_TFLAGS += -Iguest-kernel -Iguest-kernel/pv

# What the tests of mm/ link: the mechanisms as they are, and mm_host.c in place of the machine.
HOST_MM := $(patsubst %,$(B)/tests/host/%.o,tests/host/mm_host $(addprefix hypervisor/,pv/pv64_mm pv/pv32_mm \
	$(addprefix mm/,bootmem charge direct frame frame_domain heap l1 m2p memory page partial promote pt_update relinquish root)))
HOST_GNT := $(patsubst %,$(B)/tests/host/hypervisor/gnt/%.o,grant maptrack map copy)
$(addprefix $(B)/tests/host/,desc desc_op dying frame last_use mmu_op page root model): $(HOST_MM)
$(addprefix $(B)/tests/host/,grant grant_pin): $(HOST_MM) $(HOST_GNT)
# Domains and vCPUs, whose allocations fail in turn.
HOST_CREATE := $(patsubst %,$(B)/tests/host/hypervisor/%.o,pv/desc pv/walk lib/format)
$(B)/tests/host/create: $(HOST_MM) $(HOST_GNT) $(HOST_CREATE)
$(B)/tests/host/create: HOST_TFLAGS += -Wl,--wrap=domain_charge
HOST_MODEL := $(patsubst %,$(B)/tests/host/tests/host/%.o,frame_model frame_follow model_ops)
$(B)/tests/host/model: $(HOST_MODEL)
# The auditor needs a little more around it than the rest of mm/: test_audit.c itself.
HOST_AUDIT := $(patsubst %,$(B)/tests/host/hypervisor/audit/%.o,audit tables vcpus)
$(B)/tests/host/audit: $(HOST_MM) $(HOST_AUDIT)
$(HOST_LOCK) $(HOST_MM) $(HOST_GNT) $(HOST_CREATE) $(HOST_AUDIT) $(HOST_MODEL): $(B)/tests/host/%.o: %.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(HOST_TFLAGS) -MMD -MP -c -o $@ $<

-include $(HOST_TESTS:%=$(B)/tests/host/%.d) $(HOST_LOCK:.o=.d) $(HOST_MM:.o=.d) $(HOST_MODEL:.o=.d) $(HOST_AUDIT:.o=.d) $(HOST_GNT:.o=.d) \
	$(HOST_CREATE:.o=.d)

$(foreach t,$(HOST_TESTS),$(eval \
	$(call test,host-$(t),120,CMOCKA_MESSAGE_OUTPUT=TAP $(B)/tests/host/$(t),$(B)/tests/host/$(t))))

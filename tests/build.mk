# SPDX-License-Identifier: MIT
# The tests: what each needs and how it is run. scripts/run_tests.py runs what is registered here by
#	$(eval $(call test,name,seconds at most,shell command,files to build first))

TEST_NEEDS :=
TEST_LIST  :=
define NEWLINE


endef
TAB := $(shell printf '\t')
define test
TEST_NEEDS += $(4)
TEST_LIST  += $(1)$(TAB)$(2)$(TAB)$(3)$(TAB)$(4)$$(NEWLINE)
endef

-include tests/fw/fw.mk

# Not where there is nothing to test: with too few vCPUs (those have lines of their own below), in a kind without what is
# attacked.
TWO_VCPU_TESTS := attack-context attack-shared-areas pv-smp
THREE_VCPU_TESTS := attack-double-fetch attack-tlb-vcpus
# And with devices that QEMU's machine does not have by itself.
DEVICE_TESTS := attack-interrupts pv-interrupts
TESTS_pv64 := $(filter-out attack-pae-root attack-shares attack-timer-lock $(DEVICE_TESTS),$(GUEST_TESTS))
TESTS_pv32 := $(filter-out attack-shared-areas attack-shares attack-timer-lock $(DEVICE_TESTS),$(GUEST_TESTS))

-include tests/bench/bench.mk
-include tests/fv-probe/probe.mk
-include tests/fv-hostile/hostile.mk
-include tests/fv-stays/stays.mk
-include tests/fuzz-fv/fuzz.mk
-include tests/host/host.mk
-include tests/host/tools.mk
-include tests/host/fuzz.mk
-include tests/system/system.mk
-include tests/programs/programs.mk
-include tests/suite/suite.mk
-include tests/verify/verify.mk

$(eval $(call test,harness,240,python3 tests/system/harness.py))
$(eval $(call test,setup,120,python3 tests/system/setup.py))
$(eval $(call test,mutants,600,python3 scripts/mutants.py --quick --hurry,$(B)/ringlet.elf))
$(eval $(call test,abi,60,python3 tests/abi/compare.py $(B)/abi,$(ABI_STAMP)))
# Whose symbols check-layers.py reads.
LAYERED := $(HV_OBJ) $(GHOST_OBJ) $(GK_KERN_OBJ_64) $(GK_OBJ_pv64) $(GK_OBJ_native64) $(TOOLS:%=$(B)/dom0-tools/%)
$(eval $(call test,check-layers,60,python3 scripts/check-layers.py,$(LAYERED)))
$(eval $(call test,check-locks,60,python3 scripts/check-locks.py))
$(eval $(call test,check-headers,120,sh scripts/check-headers.sh,$(ABI_STAMP)))
$(eval $(call test,check-kinds,60,python3 scripts/check-kinds.py))
$(eval $(call test,check-pages,60,python3 scripts/check-pages.py))
$(eval $(call test,pictures,60,python3 scripts/pictures --check))
$(eval $(call test,kernel-size,60,sh scripts/kernel-size.sh))
$(eval $(call test,check-docs,60,$(MAKE) --no-print-directory check-docs))

# Every guest test, once for each kind of guest; attacks and pv tests also on the plainest processor.
TEST_NEEDS += $(GUEST_IMAGES) $(B)/ringlet.elf
$(foreach k,pv64 pv32,$(foreach t,$(filter-out $(TWO_VCPU_TESTS) $(THREE_VCPU_TESTS),$(TESTS_$(k))),$(eval \
	$(call test,$(t)-$(k),60,sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))))
$(foreach k,pv64 pv32,$(foreach t,$(filter attack-% pv-%,$(filter-out $(THREE_VCPU_TESTS),$(TESTS_$(k)))),$(eval \
	$(call test,$(t)-$(k)-qemu64-2cpu,60,CPU=qemu64 CPUS=2 sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))))
$(foreach k,pv64 pv32,$(foreach t,pv-events pv-time,$(eval \
	$(call test,$(t)-$(k)-4cpu,60,CPUS=4 sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))))

# Interrupts by pin, by MSI without a mask, by MSI-X; more of them than there are vectors.
DEVICES := -device edu -device nec-usb-xhci,msi=on,msix=off -device virtio-rng-pci -device nvme,serial=a,msix_qsize=300
$(foreach k,pv64 pv32,$(foreach t,$(DEVICE_TESTS),$(eval \
	$(call test,$(t)-$(k),60,DEVICES='$(DEVICES)' sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))$(eval \
	$(call test,$(t)-$(k)-qemu64-2cpu,60,DEVICES='$(DEVICES)' CPU=qemu64 CPUS=2 sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))))

# With SMAP, which under QEMU's TCG has to be asked for: a ring 3 IRETQ faults there, and the tests' kernels have none.
# What goes to guest memory must say so, and a pv32 kernel in ring 1 must not see it.
$(foreach k,pv64 pv32,$(foreach t,attack-bad-pointers attack-segment-loads hc-grant-table-op hc-memory-op hc-mmu-update \
	hc-multicall pv-events pv-exceptions pv-port-io pv-syscall pv-writable-pagetables,$(eval \
	$(call test,$(t)-$(k)-smap,60,EXPECT='CPU: .* smap ' sh scripts/guest-test $(B)/tests/$(t)-$(k).elf smap=1))))

# Where ticks are instructions, the price of tracing is judged too; and the text is patched while others run.
$(foreach k,pv64 pv32,$(eval $(call test,pv-trace-$(k)-icount,60,ICOUNT=1 sh scripts/guest-test $(B)/tests/pv-trace-$(k).elf)))
$(foreach k,pv64 pv32,$(eval $(call test,pv-trace-$(k)-4cpu,60,CPUS=4 sh scripts/guest-test $(B)/tests/pv-trace-$(k).elf)))

# And how long interrupts wait.
$(foreach k,pv64 pv32,$(eval \
	$(call test,pv-preempt-$(k)-icount,60,ICOUNT=1 sh scripts/guest-test $(B)/tests/pv-preempt-$(k).elf)))
$(foreach k,pv64 pv32,$(eval \
	$(call test,pv-stays-$(k)-icount,60,MEM=3072 ICOUNT=1 sh scripts/guest-test $(B)/tests/pv-stays-$(k).elf stays dom0_max_vcpus=2)))
$(foreach k,pv64 pv32,$(eval \
	$(call test,pv-many-domains-$(k)-icount,60,ICOUNT=1 sh scripts/guest-test $(B)/tests/pv-many-domains-$(k).elf stays)))

# Two vCPUs on one processor, on two and on four.
$(foreach k,pv64 pv32,$(foreach n,1 2 4,$(eval \
	$(call test,pv-smp-$(k)-$(n)cpu,60,CPUS=$(n) sh scripts/guest-test $(B)/tests/pv-smp-$(k).elf dom0_max_vcpus=2))))
$(foreach k,pv64 pv32,$(foreach n,1 2,$(eval \
	$(call test,attack-partial-trees-$(k)-$(n)cpu,60,CPUS=$(n) sh scripts/guest-test $(B)/tests/attack-partial-trees-$(k).elf \
		dom0_max_vcpus=2))))

# Three vCPUs on one processor that does nothing else.
$(foreach k,pv64 pv32,$(eval $(call test,attack-shares-$(k),60,ICOUNT=1 sh scripts/guest-test $(B)/tests/attack-shares-$(k).elf \
	dom0_max_vcpus=3,$(B)/tests/attack-shares-$(k).elf $(B)/ringlet.elf)))

# Two vCPUs on two processors that take turns.
$(foreach k,pv64 pv32,$(eval $(call test,attack-timer-lock-$(k),60,CPUS=2 ICOUNT=1 sh scripts/guest-test \
	$(B)/tests/attack-timer-lock-$(k).elf dom0_max_vcpus=2,$(B)/tests/attack-timer-lock-$(k).elf $(B)/ringlet.elf)))

# The context of a second vCPU, attacked.
$(foreach k,pv64 pv32,$(eval $(call test,attack-context-$(k)-2vcpu,60,sh scripts/guest-test $(B)/tests/attack-context-$(k).elf dom0_max_vcpus=2)))

# What another processor's TLB remembers.
$(foreach k,pv64 pv32,$(foreach c,max qemu64,$(eval $(call test,attack-tlb-vcpus-$(k)-$(c)-2cpu,60,\
	CPU=$(c) CPUS=2 sh scripts/guest-test $(B)/tests/attack-tlb-vcpus-$(k).elf dom0_max_vcpus=3))))

# Where there must be AVX, another processor's; and where there must not be XSAVE.
$(foreach k,pv64 pv32,$(eval $(call test,pv-avx-restore-$(k)-2cpu,60,\
	CPUS=2 EXPECT='AVX on: .* 848 bytes' sh scripts/guest-test $(B)/tests/pv-avx-restore-$(k).elf))$(eval \
	$(call test,pv-avx-restore-$(k)-qemu64,60,\
	CPU=qemu64 EXPECT='AVX off: .* 0 bytes' sh scripts/guest-test $(B)/tests/pv-avx-restore-$(k).elf)))

# Arguments that another vCPU changes meanwhile.
$(foreach k,pv64 pv32,$(eval $(call test,attack-double-fetch-$(k)-2cpu,120,\
	CPUS=2 SECONDS_MAX=110 sh scripts/guest-test $(B)/tests/attack-double-fetch-$(k).elf dom0_max_vcpus=3)))

# An application that is taken off its only processor.
$(eval $(call test,attack-shared-areas-pv64-2vcpu,60,sh scripts/guest-test $(B)/tests/attack-shared-areas-pv64.elf dom0_max_vcpus=2))

# Two vCPUs that share one processor's registers.
$(foreach k,pv64 pv32,$(foreach c,max Opteron_G5,$(eval $(call test,pv-fpu-$(k)-$(c)-2vcpu,60,\
	CPU=$(c) sh scripts/guest-test $(B)/tests/pv-fpu-$(k).elf dom0_max_vcpus=2))))

# The part of it that needs a second vCPU.
$(foreach k,pv64 pv32,$(foreach n,1 2,$(eval \
	$(call test,hc-vcpu-op-$(k)-$(n)cpu,60,CPUS=$(n) sh scripts/guest-test $(B)/tests/hc-vcpu-op-$(k).elf dom0_max_vcpus=2))))

# What Dom0 is told of the processors, where there are two.
$(foreach k,pv64 pv32,$(foreach t,hc-mca hc-platform-op,$(eval \
	$(call test,$(t)-$(k)-2cpu,60,CPUS=2 sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))))

# On a machine with memory above 4 GiB, from where all of a guest's frames then come, and its second processor's stack.
$(foreach k,pv64 pv32,$(foreach t,$(filter attack-grants attack-pae-root attack-page-tables hc-grant-table-op hc-memory-op \
	hc-mmu-update hc-mmuext-op pv-events,$(TESTS_$(k))),$(eval \
	$(call test,$(t)-$(k)-above-4g,60,MEM=6000 CPUS=2 sh scripts/guest-test $(B)/tests/$(t)-$(k).elf))))

.PHONY: test-images $(B)/tests/list
test-images: $(B)/tests/list $(TEST_NEEDS)

$(B)/tests/list:
	$(shell mkdir -p $(@D))$(file >$@,$(subst $(NEWLINE) ,$(NEWLINE),$(TEST_LIST)))
	@sed -i '/^$$/d' $@

# SPDX-License-Identifier: MIT
# Guest tests: each folder tests/*/main.c that is not the framework itself becomes two kernels,
# build/tests/<name>-pv64.elf and -pv32.elf. Those of the family attack-domu run beside Dom0, the others as Dom0.

DOMU_TESTS   := $(patsubst tests/%/main.c,%,$(wildcard tests/attack-domu-*/main.c))
GUEST_TESTS  := $(filter-out $(DOMU_TESTS),\
	$(patsubst tests/%/main.c,%,$(wildcard tests/hc-*/main.c tests/attack-*/main.c tests/pv-*/main.c)))
GUEST_IMAGES := $(foreach k,pv64 pv32,$(GUEST_TESTS:%=$(B)/tests/%-$(k).elf))

FW_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mno-red-zone -Wno-clobbered \
	-mgeneral-regs-only -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
	--param=min-pagesize=0 \
	-Itests/fw $(ABI_CFLAGS) -MMD -MP
FW_CFLAGS_pv64 := -m64 -mcmodel=kernel
FW_CFLAGS_pv32 := -m32 -march=i686
FW_NASM_pv64   := -f elf64
FW_NASM_pv32   := -f elf32
FW_BITS_pv64   := 64
FW_BITS_pv32   := 32
FW_LD_pv64     := -m elf_x86_64
FW_LD_pv32     := -m elf_i386

# $(1): kind
define FW_RULES
FW_OBJS_$(1) := $$(patsubst tests/fw/%.c,$(B)/tests/fw/%-$(1).o,$$(wildcard tests/fw/*.c)) $(B)/tests/fw/entry-$(1).o

$(B)/tests/%-$(1).o: tests/%.c | $(ABI_STAMP)
	$$(call say,CC,$$@)mkdir -p $$(@D) && $(CC) $$(FW_CFLAGS) $$(FW_CFLAGS_$(1)) -c $$< -o $$@

$(B)/tests/fw/entry-$(1).o: tests/fw/entry.asm $(ABI_STAMP)
	$$(call say,NASM,$$@)mkdir -p $$(@D) && $(NASM) $$(FW_NASM_$(1)) -i$(B)/abi/ $$< -o $$@

$(B)/tests/fw/guest-$(1).lds: tests/fw/guest.lds.S
	$$(Q)mkdir -p $$(@D) && $(CC) -E -P -x c -DBITS=$$(FW_BITS_$(1)) $$< -o $$@

$(B)/tests/%-$(1).elf: $(B)/tests/%/main-$(1).o $$(FW_OBJS_$(1)) $(B)/tests/fw/guest-$(1).lds
	$$(call say,LD,$$@)$(LD) $$(FW_LD_$(1)) -z max-page-size=4096 --no-warn-rwx-segments -z noexecstack -T $(B)/tests/fw/guest-$(1).lds \
		-o $$@ $$(filter %.o,$$^)
endef
$(foreach k,pv64 pv32,$(eval $(call FW_RULES,$(k))))
.SECONDARY:
-include $(wildcard $(B)/tests/*/*.d)

FUZZ_IMAGES := $(foreach k,pv64 pv32,$(B)/tests/fuzz-hypercalls-$(k).elf)
# Guests of several files.
$(foreach t,fuzz-hypercalls pv-trace,$(foreach k,pv64 pv32,$(eval $(B)/tests/$(t)-$(k).elf: \
	$(patsubst tests/%.c,$(B)/tests/%-$(k).o,$(wildcard tests/$(t)/*.c)))))

# The guest that lies to back ends likewise: for 64-bit ones, as Debian's Xen has no others.
$(B)/tests/domu-liar-pv64.elf: $(patsubst tests/%.c,$(B)/tests/%-pv64.o,$(wildcard tests/domu-liar/*.c))
$(B)/tests/domu-liar.stripped: $(B)/tests/domu-liar-pv64.elf
	$(Q)strip --strip-debug -o $@ $<

.PHONY: guest-tests
guest-tests: $(GUEST_IMAGES)

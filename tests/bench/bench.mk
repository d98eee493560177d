# SPDX-License-Identifier: MIT
# The bench guest (tests/bench), for both kinds, and the bare-metal floor.

define BENCH_RULES
$(B)/tests/bench/handlers-$(1).o: tests/bench/handlers.asm $(ABI_STAMP)
	$$(call say,NASM,$$@)mkdir -p $$(@D) && $(NASM) $$(FW_NASM_$(1)) -i$(B)/abi/ $$< -o $$@

$(B)/tests/bench-$(1).elf: $(addprefix $(B)/tests/bench/,main-$(1).o paging-$(1).o grants-$(1).o handlers-$(1).o)
$(B)/tests/bench-switch-$(1).elf: $(B)/tests/bench/switch-$(1).o
$(B)/tests/bench-$(1).elf $(B)/tests/bench-switch-$(1).elf: $(B)/tests/bench/report-$(1).o \
		$$(FW_OBJS_$(1)) $(B)/tests/fw/guest-$(1).lds
	$$(call say,LD,$$@)$(LD) $$(FW_LD_$(1)) -z max-page-size=4096 --no-warn-rwx-segments -z noexecstack \
		-T $(B)/tests/fw/guest-$(1).lds -o $$@ $$(filter %.o,$$^)
endef
$(foreach k,pv64 pv32,$(eval $(call BENCH_RULES,$(k))))

# Linked as ELF64 like the hypervisor, in the ELF32 container that multiboot loaders take.
$(B)/tests/floor.elf: tests/bench/floor.asm tests/bench/floor.c tests/bench/floor.lds
	$(call say,LD,$@)mkdir -p $(B)/tests/bench && \
	$(NASM) -f elf64 tests/bench/floor.asm -o $(B)/tests/bench/floor.asm.o && \
	$(CC) -std=gnu11 -O2 $(WARN) -ffreestanding -fno-stack-protector -fno-pie -mno-red-zone -mgeneral-regs-only \
		-fno-asynchronous-unwind-tables -fcf-protection=none -c tests/bench/floor.c -o $(B)/tests/bench/floor.o && \
	$(LD) -m elf_x86_64 -no-pie --no-warn-rwx-segments -z noexecstack -T tests/bench/floor.lds -o $@.64 \
		$(B)/tests/bench/floor.asm.o $(B)/tests/bench/floor.o && \
	$(OBJCOPY) -O elf32-i386 $@.64 $@

# A Dom0 with the domains that take turns.
BENCH_SWITCH := $(foreach k,pv64 pv32,$(B)/tests/bench-switch-$(k).elf)
$(B)/dom0-bench.cpio: $(B)/dom0.cpio $(wildcard tests/bench/dom0/*) $(BENCH_SWITCH)
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/bench/dom0/bench.list

.PHONY: bench-images
bench-images: $(B)/ringlet.elf $(B)/tests/bench-pv64.elf $(B)/tests/bench-pv32.elf $(B)/tests/floor.elf \
	$(B)/dom0-bench.cpio

# SPDX-License-Identifier: MIT
# The hypervisor: every .c and .asm below hypervisor/*/ into build/ringlet.debug.elf (ELF64, symbols, for gdb)
# and build/ringlet.elf (the same code in the ELF32 container that multiboot1 loaders accept).

HV_DIR  := hypervisor
HV_OUT  := $(B)/hypervisor
HV_C    := $(filter-out $(HV_DIR)/ghost/%,$(wildcard $(HV_DIR)/*/*.c))
HV_ASM  := $(wildcard $(HV_DIR)/*/*.asm)
HV_OBJ  := $(HV_C:$(HV_DIR)/%.c=$(HV_OUT)/%.o) $(HV_ASM:$(HV_DIR)/%.asm=$(HV_OUT)/%.asm.o) $(HV_OUT)/xlat.o
# What abi/build.mk generates, needed before the first compilation.
HV_GEN   = $(ABI_STAMP)

HV_INC    := -I$(HV_DIR) -Iabi/include -I$(B)/abi
# -fpie and hidden visibility: all addresses RIP-relative, so the image may be linked far above 2 GiB in the
# small code model. Interrupts use our stack: no red zone. No frame pointers: a panic reads the stack.
HV_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fpie -include $(HV_DIR)/lib/hidden.h $(HV_INC) $(WARN) \
	-mno-red-zone -mno-sse -mno-mmx -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-common -fcf-protection=none \
	-ffunction-sections -fdata-sections -fno-jump-tables -falign-functions=16
HV_NFLAGS := -f elf64 -g -F dwarf -I$(HV_DIR)/ -I$(HV_OUT)/ -I$(B)/abi/
HV_LDS    := $(HV_DIR)/ringlet.lds
HV_LD      = $(LD) -m elf_x86_64 -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections \
	--no-warn-rwx-segments --build-id=sha1 -T $(HV_LDS)
# With each commit this file alone is compiled again.
$(HV_OUT)/lib/changeset.o: HV_CFLAGS += -I$(BUILT_FROM)
# What objcopy takes off every address, so that virtual equals physical in the multiboot container.
HV_BASE   := 0xffff828000000000

$(HV_OUT)/%.o: $(HV_DIR)/%.c $(HV_DIR)/build.mk | $(HV_GEN)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(HV_OUT)/xlat.o: $(B)/abi/xlat.c $(HV_DIR)/build.mk | $(HV_GEN)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

# NASM's -MD does not name what a file includes.
HV_INCLUDED := $(wildcard $(HV_DIR)/*/*.inc)
$(HV_OUT)/%.asm.o: $(HV_DIR)/%.asm $(HV_OUT)/asm-offsets.inc $(HV_INCLUDED) | $(HV_GEN)
	@mkdir -p $(@D)
	$(call say,NASM,$<)$(NASM) $(HV_NFLAGS) -I$(<D)/ -MD $(@:.o=.d) -o $@ $<

# Structure offsets for NASM: compile to assembly, keep the lines that asm-offsets.c marks with "->".
$(HV_OUT)/asm-offsets.inc: $(HV_DIR)/asm-offsets.c | $(HV_GEN)
	@mkdir -p $(@D)
	$(call say,GEN,$@)$(CC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(@:.inc=.d) -S -o $(@:.inc=.s) $< && \
	sed -n 's/^->\([A-Za-z0-9_]*\) \$$*\(-*[0-9]*\)$$/%define \1 \2/p' $(@:.inc=.s) > $@

# Link twice: the first image tells the addresses of the functions, the second one carries them as a table
# behind the text (so no function moves) for backtraces.
$(HV_OUT)/pass1.elf: $(HV_OBJ) $(HV_OUT)/no-symbols.o $(HV_LDS)
	$(call say,LD,$@)$(HV_LD) -o $@ $(HV_OBJ) $(HV_OUT)/no-symbols.o

$(HV_OUT)/no-symbols.asm: $(HV_DIR)/lib/mksymbols.awk
	@mkdir -p $(@D)
	$(call say,GEN,$@)awk -f $< /dev/null > $@

$(HV_OUT)/symbols.asm: $(HV_OUT)/pass1.elf $(HV_DIR)/lib/mksymbols.awk
	$(call say,GEN,$@)$(NM) -n $< | awk -f $(HV_DIR)/lib/mksymbols.awk > $@

$(HV_OUT)/symbols.o $(HV_OUT)/no-symbols.o: %.o: %.asm
	$(call say,NASM,$<)$(NASM) -f elf64 -o $@ $<

$(B)/ringlet.debug.elf: $(HV_OUT)/symbols.o $(HV_OBJ) $(HV_LDS)
	$(call say,LD,$@)$(HV_LD) -Map $(HV_OUT)/ringlet.map -o $@ $(HV_OBJ) $(HV_OUT)/symbols.o

$(B)/ringlet.elf: $(B)/ringlet.debug.elf
	$(call say,OBJCOPY,$@)$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.hv*-$(HV_BASE)' $< $@

all: $(B)/ringlet.elf

# The ghost check (ghost/ghost.h): the same objects with ghost/'s between some functions and their callers.
GHOST_OUT := $(B)/ghost
GHOST_OBJ := $(patsubst $(HV_DIR)/%.c,$(HV_OUT)/%.o,$(wildcard $(HV_DIR)/ghost/*.c))
GHOST_LD   = $(HV_LD) $(shell sed -n 's/^GHOST_[A-Z]*.[a-z]*, \([a-z0-9_]*\),.*/--wrap=\1/p' $(HV_DIR)/ghost/calls.def)

$(GHOST_OUT)/pass1.elf: $(HV_OBJ) $(GHOST_OBJ) $(HV_OUT)/no-symbols.o $(HV_LDS) $(HV_DIR)/ghost/calls.def
	@mkdir -p $(@D)
	$(call say,LD,$@)$(GHOST_LD) -o $@ $(HV_OBJ) $(GHOST_OBJ) $(HV_OUT)/no-symbols.o

$(GHOST_OUT)/symbols.asm: $(GHOST_OUT)/pass1.elf $(HV_DIR)/lib/mksymbols.awk
	$(call say,GEN,$@)$(NM) -n $< | awk -f $(HV_DIR)/lib/mksymbols.awk > $@

$(GHOST_OUT)/symbols.o: %.o: %.asm
	$(call say,NASM,$<)$(NASM) -f elf64 -o $@ $<

$(GHOST_OUT)/ringlet.debug.elf: $(GHOST_OUT)/symbols.o $(HV_OBJ) $(GHOST_OBJ) $(HV_LDS)
	$(call say,LD,$@)$(GHOST_LD) -o $@ $(HV_OBJ) $(GHOST_OBJ) $(GHOST_OUT)/symbols.o

$(GHOST_OUT)/ringlet.elf: $(GHOST_OUT)/ringlet.debug.elf
	$(call say,OBJCOPY,$@)$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.hv*-$(HV_BASE)' $< $@

# The same with one mistake in the hypervisor, which the ghost must see (tests/system/ghost.py): name, file, what sed does.
# $(1): name; $(2): file; $(3): sed's program
define GHOST_MISTAKE
GHOST_MISTAKES += $(1)
$(GHOST_OUT)/$(1).o: $(HV_DIR)/$(2) $(HV_DIR)/build.mk | $(HV_GEN)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)sed '$(3)' $$< > $$(@:.o=.c) && ! cmp -s $$< $$(@:.o=.c) && $$(CC) $$(HV_CFLAGS) -MMD -MP -c -o $$@ $$(@:.o=.c)
$(GHOST_OUT)/$(1).c: ;
$(GHOST_OUT)/$(1).elf: $(GHOST_OUT)/$(1).o $(HV_OBJ) $(GHOST_OBJ) $(HV_OUT)/no-symbols.o $(HV_LDS)
	$$(call say,LD,$$@)$$(GHOST_LD) -o $$@.64 $$< $$(filter-out $(HV_OUT)/$(2:.c=.o),$(HV_OBJ)) $(GHOST_OBJ) $(HV_OUT)/no-symbols.o && \
	$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.hv*-$(HV_BASE)' $$@.64 $$@
endef
$(eval $(call GHOST_MISTAKE,entry-kept,mm/pt_update.c,s/^	l1_put(old);//))
$(eval $(call GHOST_MISTAKE,pin-kept,gnt/grant.c,s/if (!--use->pins)/if (--use->pins == 1)/))
$(eval $(call GHOST_MISTAKE,frame-kept,mm/memory.c,s/page_disown(pg);/(void)pg;/))
$(eval $(call GHOST_MISTAKE,chain-of-tables,mm/promote.c,s/ || pg->linear < 0 ||/ ||/))

.PHONY: ghost
ghost: $(GHOST_OUT)/ringlet.elf ## the hypervisor with a second opinion on each hypercall of memory and grants (build/ghost/)

-include $(HV_OBJ:.o=.d) $(GHOST_OBJ:.o=.d) $(GHOST_MISTAKES:%=$(GHOST_OUT)/%.d) $(HV_OUT)/asm-offsets.d

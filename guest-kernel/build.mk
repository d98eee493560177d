# SPDX-License-Identifier: MIT
# The teaching kernel: one source, four builds, build/guest/kernel-{native32,native64,pv32,pv64}.elf.
# kern/ does not know native from PV, so it is compiled once per word size; x86/, the machine's folder and
# drivers/ once per build. Sub-rooms may add their own rules in user/build.mk.

GK_DIR   := guest-kernel
GK_OUT   := $(B)/guest
GK_KINDS := native32 native64 pv32 pv64
GK_KERN  := $(wildcard $(GK_DIR)/kern/*.c $(GK_DIR)/kern/*/*.c)
GK_DRV_native := uart16550 serial_lines vga crash pci virtio virtio_pci virtio_9p virtio_blk virtio_net
GK_DRV_pv     := $(filter-out uart16550 vga,$(basename $(notdir $(wildcard $(GK_DIR)/drivers/*.c))))

GK_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -no-pie -I$(GK_DIR) -Iabi/include -I$(B)/abi $(WARN) \
	-mno-sse -mno-mmx -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-common -fcf-protection=none
GK_CFLAGS_64 := -m64 -mcmodel=kernel -mno-red-zone
GK_CFLAGS_32 := -m32 -march=i686
GK_NFLAGS_64 := -f elf64 -DWORD_BITS=64
GK_NFLAGS_32 := -f elf32 -DWORD_BITS=32
GK_LD_64     := -m elf_x86_64 --defsym=IMAGE_BASE=0xffffffff80000000
GK_LD_32     := -m elf_i386 --defsym=IMAGE_BASE=0xc0000000
# A bare machine's loader needs the kernel above 1 MiB and enters it at a physical address; a PV guest
# owns all its memory from frame 0 on, which is mapped at the link address before the first instruction.
GK_LD_native := --defsym=LOAD_ADDRESS=0x100000 --defsym=START_VIRTUAL=0
GK_LD_pv     := --defsym=LOAD_ADDRESS=0 --defsym=START_VIRTUAL=1

# lwIP, Debian's source package, for kern/net; its warnings are not ours. Each file is compiled once per word size.
LWIP       := $(B)/lwip
LWIP_THERE := $(LWIP)/.there
LWIP_SRC   := $(LWIP)/root/lwip-2.1.3/src
LWIP_FILES := core/def core/inet_chksum core/init core/ip core/mem core/memp core/netif core/pbuf core/raw core/tcp core/tcp_in \
	core/tcp_out core/udp core/ipv4/etharp core/ipv4/icmp core/ipv4/ip4 core/ipv4/ip4_addr core/ipv4/ip4_frag core/ipv6/ethip6 \
	core/ipv6/icmp6 core/ipv6/inet6 core/ipv6/ip6 core/ipv6/ip6_addr core/ipv6/ip6_frag core/ipv6/nd6 netif/ethernet
LWIP_CFLAGS := -isystem $(LWIP_SRC)/include -I$(GK_DIR)/kern/net/lwip

$(LWIP_THERE): $(FETCH_DEBIAN)
	$(call say,FETCH,$(@D))sh $< source $(@D) lwip && touch $@

# The checked build, kernel-KIND.checked.elf: calls of these go through checks/checks.c.
GK_WRAPPED := page_alloc page_alloc_zeroed table_alloc kmalloc kzalloc kstrdup kfree page_put page_free stack_alloc stack_free \
	mm_fault root_destroy kernel_lock kernel_unlock kernel_breathe mem_devices_init syscall

# $(1) word size: the objects of kern/
define GK_KERN_RULES
GK_KERN_OBJ_$(1) := $$(GK_KERN:$(GK_DIR)/%.c=$(GK_OUT)/$(1)/%.o)
$(GK_OUT)/$(1)/kern/%.o: $(GK_DIR)/kern/%.c | $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$<)$$(CC) $$(GK_CFLAGS) $$(GK_CFLAGS_$(1)) -MMD -MP -c -o $$@ $$<
# The hypervisor's reader of gzip files; the lib/ headers that it includes are this kernel's.
GK_KERN_OBJ_$(1) += $(GK_OUT)/$(1)/kern/inflate.o $(GK_OUT)/$(1)/kern/packed.o
$(GK_OUT)/$(1)/kern/inflate.o $(GK_OUT)/$(1)/kern/packed.o: $(GK_OUT)/$(1)/kern/%.o: $(HV_DIR)/dom/%.c | $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$<)$$(CC) $$(GK_CFLAGS) $$(GK_CFLAGS_$(1)) -I$(GK_DIR)/kern -I$(HV_DIR) -MMD -MP -c -o $$@ $$<
GK_KERN_OBJ_$(1) += $(LWIP_FILES:%=$(GK_OUT)/$(1)/lwip/%.o)
$(GK_OUT)/$(1)/lwip/%.o: $(LWIP_THERE) $$(wildcard $(GK_DIR)/kern/net/lwip/*.h $(GK_DIR)/kern/net/lwip/*/*.h)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),lwip/$$*.c)$$(CC) $$(GK_CFLAGS) $$(GK_CFLAGS_$(1)) -w $$(LWIP_CFLAGS) -c -o $$@ $$(LWIP_SRC)/$$*.c
$(GK_OUT)/$(1)/kern/net/%.o: GK_CFLAGS += $$(LWIP_CFLAGS)
$$(patsubst $(GK_DIR)/%.c,$(GK_OUT)/$(1)/%.o,$$(wildcard $(GK_DIR)/kern/net/*.c)): | $(LWIP_THERE)
$(GK_OUT)/$(1)/kern/fs/initramfs.o: GK_CFLAGS += -I$(GK_DIR)/kern -I$(HV_DIR)
$(GK_OUT)/$(1)/checks/%.o: $(GK_DIR)/checks/%.c | $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$<)$$(CC) $$(GK_CFLAGS) $$(GK_CFLAGS_$(1)) -MMD -MP -c -o $$@ $$<
-include $$(GK_KERN_OBJ_$(1):.o=.d) $(GK_OUT)/$(1)/checks/checks.d
endef
$(foreach w,32 64,$(eval $(call GK_KERN_RULES,$(w))))

# $(1) native or pv, $(2) word size
define GK_KIND_RULES
GK_SRC_$(1)$(2) := $$(filter-out %/linux$(if $(filter 32,$(2)),64,32).c,$$(wildcard $(GK_DIR)/x86/*.c)) \
	$$(wildcard $(GK_DIR)/x86/*.asm $(GK_DIR)/$(1)/*.c $(GK_DIR)/$(1)/*.asm) $$(GK_DRV_$(1):%=$(GK_DIR)/drivers/%.c)
GK_OBJ_$(1)$(2) := $$(GK_SRC_$(1)$(2):$(GK_DIR)/%=$(GK_OUT)/$(1)$(2)/%.o)
$(GK_OUT)/$(1)$(2)/%.c.o: $(GK_DIR)/%.c | $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC$(2),$$<)$$(CC) $$(GK_CFLAGS) $$(GK_CFLAGS_$(2)) -I$(GK_DIR)/$(1) -MMD -MP -c -o $$@ $$<
$(GK_OUT)/$(1)$(2)/%.asm.o: $(GK_DIR)/%.asm $$(wildcard $(GK_DIR)/*/*.inc) $$(HV_INCLUDED) | $$(ABI_STAMP)
	@mkdir -p $$(@D)
	$$(call say,NASM,$$<)$$(NASM) $$(GK_NFLAGS_$(2)) -g -F dwarf -I$(GK_DIR)/x86/ -I$(GK_DIR)/$(1)/ \
		-I$(HV_DIR)/ -I$(B)/abi/ -MD $$(@:.o=.d) -o $$@ $$<
$(GK_OUT)/kernel-$(1)$(2).debug.elf: $$(GK_OBJ_$(1)$(2)) $$(GK_KERN_OBJ_$(2)) $(GK_DIR)/kernel.lds
	$$(call say,LD,$$@)$(LD) $$(GK_LD_$(2)) $$(GK_LD_$(1)) -nostdlib -static -z max-page-size=4096 \
		-z noexecstack --no-warn-rwx-segments -T $(GK_DIR)/kernel.lds -o $$@ \
		$$(filter %.o,$$^)
$(GK_OUT)/kernel-$(1)$(2).checked.debug.elf: $$(GK_OBJ_$(1)$(2)) $$(GK_KERN_OBJ_$(2)) $(GK_OUT)/$(2)/checks/checks.o $(GK_DIR)/kernel.lds
	$$(call say,LD,$$@)$(LD) $$(GK_LD_$(2)) $$(GK_LD_$(1)) $$(GK_WRAPPED:%=--wrap=%) -nostdlib -static -z max-page-size=4096 \
		-z noexecstack --no-warn-rwx-segments -T $(GK_DIR)/kernel.lds -o $$@ \
		$$(filter %.o,$$^)
-include $$(GK_OBJ_$(1)$(2):.o=.d)
all: $(GK_OUT)/kernel-$(1)$(2).elf
endef
$(foreach w,32 64,$(foreach m,native pv,$(eval $(call GK_KIND_RULES,$(m),$(w)))))

# Multiboot1 loaders take ELF32 (the same bytes in the smaller container), and an entry point inside of a
# segment: all addresses become physical.
$(GK_OUT)/kernel-native64.elf $(GK_OUT)/kernel-native64.checked.elf: %.elf: %.debug.elf
	$(call say,OBJCOPY,$@)$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.k*-0xffffffff80000000' $< $@
$(GK_OUT)/kernel-native32.elf $(GK_OUT)/kernel-native32.checked.elf: %.elf: %.debug.elf
	$(call say,OBJCOPY,$@)$(OBJCOPY) -S --change-section-vma '.k*-0xc0000000' $< $@
# These keep their symbol tables: `rl why` names functions by them.
$(GK_OUT)/kernel-pv%.elf: $(GK_OUT)/kernel-pv%.debug.elf
	$(call say,STRIP,$@)$(OBJCOPY) -g $< $@

.PHONY: guest-kernel
guest-kernel: $(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) ## build the four teaching kernels

-include $(GK_DIR)/user/build.mk

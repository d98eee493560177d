# SPDX-License-Identifier: MIT
# The Dom0 tools: static programs for 64- and 32-bit Dom0s, and Dom0's initramfs.

# The hypervisor's code reads kernels: it does the same for Dom0.
TOOLS_SHARED := $(addprefix hypervisor/dom/,elf.c elf_notes.c elf_symbols.c inflate.c packed.c first_memory.c first_pages.c)
TOOLS_LIB    := $(wildcard dom0-tools/lib/*.c)
TOOLS_rl   := $(wildcard dom0-tools/rl/*.c)
TOOLS_rl-consoled := $(wildcard dom0-tools/consoled/*.c)
TOOLS_rl-domd     := $(wildcard dom0-tools/domd/*.c)
TOOLS_rl-stored   := $(wildcard dom0-tools/stored/*.c)
TOOLS_rl-keeper   := $(wildcard dom0-tools/keeper/*.c)
TOOLS_rl-blkd     := $(wildcard dom0-tools/blkd/*.c)
TOOLS_rl-netd     := $(wildcard dom0-tools/netd/*.c)
TOOLS_store       := $(wildcard dom0-tools/store/*.c)
TOOLS_rl-image    := dom0-tools/image/main.c $(addprefix dom0-tools/blkd/,image.c raw.c) $(wildcard dom0-tools/blkd/qcow2*.c)
TOOLS      := rl rl-image rl-consoled rl-domd rl-stored rl-blkd rl-netd rl-keeper store

TOOLS_CFLAGS := -std=gnu11 -Os -g $(WARN) $(ABI_CFLAGS) -I$(BUILT_FROM) -Idom0-tools/lib -Ihypervisor \
	-ffunction-sections -fdata-sections

# 32-bit programs are made with Debian's i386 musl, unpacked privately (scripts/cross.mk).
I386_DIR   := $(B)/i386
I386_SPECS := $(I386_DIR)/musl-gcc.specs
I386_CC    := $(CC) -m32 -specs=$(I386_SPECS)

# $(1): dom0-tools or dom0-tools32; $(2): compiler; $(3): what must be there before it runs
define tools_programs
$(B)/$(1)/obj/%.o: dom0-tools/%.c | $(ABI_STAMP) $(3)
	$$(call say,CC,$$@)mkdir -p $$(@D) && $(2) $(TOOLS_CFLAGS) -MMD -MP -c -o $$@ $$<

$(B)/$(1)/obj/%.o: hypervisor/%.c | $(ABI_STAMP) $(3)
	$$(call say,CC,$$@)mkdir -p $$(@D) && $(2) $(TOOLS_CFLAGS) -MMD -MP -c -o $$@ $$<

$(B)/$(1)/obj/librl.a: $(TOOLS_LIB:dom0-tools/%.c=$(B)/$(1)/obj/%.o) $(TOOLS_SHARED:hypervisor/%.c=$(B)/$(1)/obj/%.o)
	$$(call say,AR,$$@)rm -f $$@ && $(AR) rcs $$@ $$^

$(foreach t,$(TOOLS),
$(B)/$(1)/$(t): $(TOOLS_$(t):dom0-tools/%.c=$(B)/$(1)/obj/%.o) $(B)/$(1)/obj/librl.a | $(3)
	$$(call say,LD,$$@)$(2) -static -s -Wl$$(COMMA)--gc-sections -o $$@ $$(filter %.o %.a,$$^)
)
-include $(patsubst dom0-tools/%.c,$(B)/$(1)/obj/%.d,$(TOOLS_LIB) $(foreach t,$(TOOLS),$(TOOLS_$(t))))
endef
COMMA := ,

$(eval $(call tools_programs,dom0-tools,$(MUSL_CC),$(AMD64_SPECS)))
$(eval $(call tools_programs,dom0-tools32,$(I386_CC),$(I386_SPECS)))

# rl-unpack links Debian's libraries, which are made for glibc; so it uses glibc, too. It runs on the build machine as well.
# $(1): dom0-tools or dom0-tools32; $(2): compiler; $(3): what must be there before it runs
define unpack_program
$(B)/$(1)/rl-unpack: dom0-tools/unpack/main.c dom0-tools/lib/err.c dom0-tools/lib/files.c hypervisor/dom/inflate.c \
		hypervisor/dom/packed.c $(wildcard dom0-tools/lib/*.h hypervisor/dom/*.h) | $(3)
	$$(call say,LD,$$@)mkdir -p $$(@D) && $(2) $(TOOLS_CFLAGS) -static -s -Wl$$(COMMA)--gc-sections -o $$@ $$(filter %.c,$$^) $(4) \
		-llzma -llz4 -lzstd
endef
I386_LIBS := $(I386_DIR)/root/usr
$(eval $(call unpack_program,dom0-tools,$(CC),$(AMD64_SPECS),$(AMD64_LIBS)))
$(eval $(call unpack_program,dom0-tools32,$(CC) -m32,$(I386_SPECS),-idirafter $(I386_LIBS)/include -L$(I386_LIBS)/lib/i386-linux-gnu))
TOOLS += rl-unpack

all: $(addprefix $(B)/dom0-tools/,$(TOOLS)) $(addprefix $(B)/dom0-tools32/,$(TOOLS))

# Debian's bash, and what it must know of the consoles' terminals. $(1): folder of the tools; $(2): bash
define shell_files
$(B)/$(1)/bash: dom0-tools/build.mk | $(2)
	$$(call say,CP,$$@)mkdir -p $$(@D)/terminfo/l $$(@D)/terminfo/v && cp /lib/terminfo/l/linux $$(@D)/terminfo/l && \
		cp /lib/terminfo/v/vt100 /lib/terminfo/v/vt102 $$(@D)/terminfo/v && cp $(2) $$@
endef
$(eval $(call shell_files,dom0-tools,$(BASH_STATIC)))
$(eval $(call shell_files,dom0-tools32,$(I386_DIR)/root/bin/bash-static))

# Dom0's initramfs: the base of every file system of the teaching kernel, the tools, and guests of both kinds.
# $(1): suffix of the archive; $(2): word size; $(3): folder of the tools
define dom0_archive
$(B)/dom0$(1).cpio: dom0-tools/mkcpio.py dom0-tools/dom0.list dom0-tools/shell.list $(B)/$(3)/bash guest-kernel/user/base.list \
		$(addprefix $(B)/$(3)/,$(TOOLS)) $(wildcard dom0-tools/etc/* dom0-tools/etc/rl/* guest-kernel/user/etc/*) \
		$(addprefix $(B)/guest/,kernel-pv64.elf kernel-pv32.elf kernel-native32.elf initrd64.cpio initrd32.cpio hello.list)
	$$(call say,CPIO,$$@)python3 $$< -D BUSYBOX=$(if $(filter 32,$(2)),$(I386_DIR)/root/bin/busybox,$(BUSYBOX)) \
		-D PROGRAMS=$(B)/guest/user$(2) -D TOOLS=$(B)/$(3) -D GUEST=$(B)/guest \
		$$@ guest-kernel/user/base.list dom0-tools/dom0.list dom0-tools/shell.list $(B)/guest/hello.list
all: $(B)/dom0$(1).cpio
endef
$(eval $(call dom0_archive,,64,dom0-tools))
$(eval $(call dom0_archive,-32,32,dom0-tools32))

# SPDX-License-Identifier: MIT
# The compiler, and what comes from Debian for the machine that is built for. With CROSS=x86_64-linux-gnu-, the default where
# this machine is not of x86-64, that is unpacked privately below build/amd64 (docs/other-hosts.md).

ifeq ($(origin CROSS),undefined)
CROSS := $(if $(filter-out x86_64,$(shell uname -m)),x86_64-linux-gnu-)
endif
export CROSS

CC      := $(CROSS)gcc
LD      := $(CROSS)ld
AR      := $(CROSS)ar
NM      := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy
STRIP   := $(CROSS)strip
NASM    := nasm

FETCH_DEBIAN := guest-kernel/user/fetch-debian.sh
# For programs of both word sizes: the C library, the small commands, the shell, the libraries of packers.
TARGET_PACKAGES := busybox-static bash-static musl-dev musl liblzma-dev liblz4-dev libzstd-dev

ifeq ($(CROSS),)
AMD64_SPECS :=
MUSL_CC     := musl-gcc
BUSYBOX     := /bin/busybox
BASH_STATIC := /bin/bash-static
GRUB_PC     := /usr/lib/grub/i386-pc
AMD64_LIBS  :=
else
AMD64_ROOT  := $(B)/amd64/root
AMD64_SPECS := $(B)/amd64/musl-gcc.specs
MUSL_CC     := $(CC) -specs=$(AMD64_SPECS)
BUSYBOX     := $(AMD64_ROOT)/bin/busybox
BASH_STATIC := $(AMD64_ROOT)/bin/bash-static
GRUB_PC     := $(AMD64_ROOT)/usr/lib/grub/i386-pc
AMD64_LIBS  := -idirafter $(AMD64_ROOT)/usr/include -L$(AMD64_ROOT)/usr/lib/x86_64-linux-gnu
endif

# $(1): folder below build/; $(2): Debian's architecture; $(3): musl's folder; $(4): more packages; $(5): what sed does besides
define fetched_specs
$(B)/$(1)/musl-gcc.specs: $(FETCH_DEBIAN) scripts/cross.mk # which names the packages
	$$(call say,FETCH,$$(@D))sh $$< $(2) $$(@D) $(TARGET_PACKAGES)$(4) && \
	sed 's|/usr/|$(CURDIR)/$$(@D)/root/usr/|g$(5)' $$(@D)/root/usr/lib/$(3)/musl-gcc.specs >$$@
$(B)/$(1)/root/bin/bash-static: | $(B)/$(1)/musl-gcc.specs ;
endef
$(eval $(call fetched_specs,i386,i386,i386-linux-musl,,; s|^-dynamic-linker|-m elf_i386 &|))
$(eval $(call fetched_specs,amd64,amd64,x86_64-linux-musl, grub-pc-bin,))

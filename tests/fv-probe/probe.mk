# SPDX-License-Identifier: MIT
# The probe of sensitive instructions: a bare machine's kernel of its own.

PROBE_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wno-main -m32 -march=i686 -ffreestanding -fno-stack-protector -fno-pic -fno-pie \
	-mgeneral-regs-only -fno-asynchronous-unwind-tables -fcf-protection=none

$(B)/tests/fv-probe.elf: $(addprefix tests/fv-probe/,probe.asm main.c kernel.asm kernel.h)
	$(call say,LD,$@)mkdir -p $(B)/tests/fv-probe && \
	$(NASM) -f elf32 -I tests/fv-probe/ -o $(B)/tests/fv-probe/probe.o tests/fv-probe/probe.asm && \
	$(CC) $(PROBE_CFLAGS) -c -o $(B)/tests/fv-probe/main.o tests/fv-probe/main.c && \
	$(LD) -m elf_i386 --no-warn-rwx-segments -z noexecstack -N -e start \
		-T tests/fv-probe/probe.lds -o $@ $(B)/tests/fv-probe/probe.o $(B)/tests/fv-probe/main.o

# Dom0 with the probe beside the kernels.
$(B)/dom0-probe.cpio: $(B)/dom0.cpio $(B)/tests/fv-probe.elf tests/fv-probe/dom0.list
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/fv-probe/dom0.list

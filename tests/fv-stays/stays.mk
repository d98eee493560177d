# SPDX-License-Identifier: MIT
# A kernel that is heavy on the hypervisor below it: for an fv domain alone.

$(B)/tests/fv-stays.elf: tests/fv-stays/start.asm tests/fv-stays/main.c tests/fv-probe/probe.lds
	$(call say,LD,$@)mkdir -p $(B)/tests/fv-stays && \
	$(NASM) -f elf32 -o $(B)/tests/fv-stays/start.o tests/fv-stays/start.asm && \
	$(CC) $(PROBE_CFLAGS) -c -o $(B)/tests/fv-stays/main.o tests/fv-stays/main.c && \
	$(LD) -m elf_i386 --no-warn-rwx-segments -z noexecstack -N -e start \
		-T tests/fv-probe/probe.lds -o $@ $(B)/tests/fv-stays/start.o $(B)/tests/fv-stays/main.o

$(B)/dom0-fv-stays.cpio: $(B)/dom0.cpio $(B)/tests/fv-stays.elf tests/fv-stays/dom0.list
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/fv-stays/dom0.list

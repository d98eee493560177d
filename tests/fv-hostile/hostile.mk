# SPDX-License-Identifier: MIT
# The hostile kernel of an fv domain, and Dom0 with it beside the others.

HOSTILE_SOURCES := $(wildcard tests/fv-hostile/*.c)
HOSTILE_OBJECTS := $(HOSTILE_SOURCES:tests/fv-hostile/%.c=$(B)/tests/fv-hostile/%.o)

$(HOSTILE_OBJECTS): $(B)/tests/fv-hostile/%.o: tests/fv-hostile/%.c tests/fv-hostile/hostile.h tests/fv-probe/kernel.h
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(PROBE_CFLAGS) -c -o $@ $<

$(B)/tests/fv-hostile.elf: $(HOSTILE_OBJECTS) tests/fv-hostile/hostile.asm tests/fv-probe/kernel.asm tests/fv-probe/probe.lds
	$(call say,LD,$@)$(NASM) -f elf32 -I tests/fv-probe/ -o $(B)/tests/fv-hostile/asm.o tests/fv-hostile/hostile.asm && \
	$(LD) -m elf_i386 --no-warn-rwx-segments -z noexecstack -N -e start \
		-T tests/fv-probe/probe.lds -o $@ $(B)/tests/fv-hostile/asm.o $(HOSTILE_OBJECTS)

$(B)/dom0-hostile.cpio: $(B)/dom0.cpio $(B)/tests/fv-hostile.elf tests/fv-hostile/dom0.list
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/fv-hostile/dom0.list

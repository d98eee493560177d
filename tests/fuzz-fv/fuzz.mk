# SPDX-License-Identifier: MIT
# The fuzzing kernel of an fv domain.

FUZZ_FV := $(patsubst tests/%.c,$(B)/tests/%.o,$(wildcard tests/fuzz-fv/*.c))

$(FUZZ_FV): $(B)/tests/%.o: tests/%.c tests/fuzz-fv/fuzz.h tests/fv-probe/kernel.h tests/fw/option.h
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(PROBE_CFLAGS) -c $< -o $@

$(B)/tests/fuzz-fv.elf: tests/fuzz-fv/fuzz.asm $(FUZZ_FV) tests/fv-probe/probe.lds
	$(call say,LD,$@)$(NASM) -f elf32 -o $(B)/tests/fuzz-fv/asm.o $< && \
	$(LD) -m elf_i386 --no-warn-rwx-segments -z noexecstack -N -e start -T tests/fv-probe/probe.lds \
		-o $@ $(B)/tests/fuzz-fv/asm.o $(FUZZ_FV)

# SPDX-License-Identifier: MIT
# The hello guests: build/guest/hello-LANGUAGE.elf, and what Dom0's file systems have of them. Rust only where rustc is.

# Debian's has the core library of its own machine alone.
RUSTC := $(if $(filter x86_64,$(shell uname -m)),$(shell command -v rustc))
HELLO := c nasm $(if $(RUSTC),rust)
HELLO_CFLAGS := -std=gnu11 -Os $(WARN) -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
	-fno-asynchronous-unwind-tables -fcf-protection=none
# Rust's own core library for the build machine, without unwinding, does for a kernel that runs in ring 3.
HELLO_RFLAGS := --edition 2021 --crate-type=bin -C panic=abort -C relocation-model=static -C opt-level=s \
	-C codegen-units=1 -C no-redzone=yes
HELLO_LD     := -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments --gc-sections -T docs/hello/hello.lds
HELLO_RUST   := hello-rust is not built: there is no rustc for x86-64 (apt-get install rustc)

.PHONY: hello
hello: $(HELLO:%=$(GK_OUT)/hello-%.elf) ## build the hello guests in C, NASM and Rust (docs/hello)
	$(if $(RUSTC),,@echo "$(HELLO_RUST)")

$(GK_OUT)/hello/c.o: $(wildcard abi/include/xen/*.h abi/include/xen/*/*.h)
$(GK_OUT)/hello/%.o: docs/hello/hello.% | $(ABI_STAMP)
	@mkdir -p $(@D)
	$(call say,$(if $(filter asm,$*),NASM,CC),$<)$(if $(filter asm,$*),$(NASM) -f elf64 -w+error,$(CC) $(HELLO_CFLAGS) $(ABI_CFLAGS) -include hypercalls.h -c) -o $@ $<

# The same by Xen's own headers: the test compares.
$(GK_OUT)/hello/c-xen.o: docs/hello/hello.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(HELLO_CFLAGS) -c -o $@ $<

$(GK_OUT)/hello-c.elf $(GK_OUT)/hello-nasm.elf: $(GK_OUT)/hello-%.elf: docs/hello/hello.lds
	$(call say,LD,$@)$(LD) $(HELLO_LD) -o $@ $(filter %.o,$^)
$(GK_OUT)/hello-c.elf: $(GK_OUT)/hello/c.o
$(GK_OUT)/hello-nasm.elf: $(GK_OUT)/hello/asm.o

$(GK_OUT)/hello-rust.elf: docs/hello/hello.rs docs/hello/hello.lds
	@mkdir -p $(@D)
	$(call say,RUSTC,$@)env -u MAKEFLAGS -u MFLAGS $(RUSTC) $(HELLO_RFLAGS) -C linker=$(LD) -C linker-flavor=ld -C link-args='$(HELLO_LD)' -o $@ $<

# Made again when the compiler came or went.
HELLO_WAS := $(file <$(GK_OUT)/hello.list)
ifneq ($(strip $(foreach l,$(HELLO),$(if $(findstring hello-$l.elf,$(HELLO_WAS)),,$l))$(if $(RUSTC),,$(findstring rust,$(HELLO_WAS)))),)
.PHONY: $(GK_OUT)/hello.list
endif
$(GK_OUT)/hello.list: docs/hello/hello.cfg docs/hello/hello.mk $(HELLO:%=$(GK_OUT)/hello-%.elf)
	$(call say,GEN,$@)rm -f $@; for l in $(HELLO); do sed "s/LANGUAGE/$$l/g" $< >$(GK_OUT)/hello-$$l.cfg; \
	echo "file /boot/hello-$$l.elf 644 $(GK_OUT)/hello-$$l.elf" >>$@; \
	echo "file /etc/rl/hello-$$l.cfg 644 $(GK_OUT)/hello-$$l.cfg" >>$@; done
	$(if $(RUSTC),,@echo "$(HELLO_RUST)")

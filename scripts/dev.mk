# SPDX-License-Identifier: MIT
# The things a developer does: run, debug, test, measure, tidy.

.PHONY: run console tmux run-iso debug gdb test test-images mutants bench cost format size pictures lint

# What the machine boots: the ISO with its menu, or by QEMU's own loader what BOOT names (the menu's entries, and native32),
# as always when instructions are counted, since a disc is never equally fast twice.
BOOT_HV     = -kernel $(B)/ringlet.elf -append "console=com1,vga com1=115200,8n1 dom0_mem=128M"
BOOT_pv64   = $(BOOT_HV) -initrd $(B)/guest/kernel-pv64.elf,$(B)/dom0.cpio
BOOT_pv32   = $(BOOT_HV) -initrd $(B)/guest/kernel-pv32.elf,$(B)/dom0-32.cpio
BOOT_native64 = -kernel $(B)/guest/kernel-native64.elf -initrd $(B)/guest/initrd64.cpio
BOOT_native32 = -kernel $(B)/guest/kernel-native32.elf -initrd $(B)/guest/initrd32.cpio
BOOTS      := pv64 pv32 native64 native32
BOOT       := $(if $(filter-out 0,$(ICOUNT)),pv64)
BOOTED      = $(if $(BOOT),$(if $(filter $(BOOT),$(BOOTS)),$(BOOT_$(BOOT)),$(error BOOT=$(BOOT) is none of $(BOOTS))),\
	-cdrom $(B)/ringlet.iso)

run: ## boot the ISO; serial console on this terminal (^A x ends it); SHARE=folder (share/) is /host there; BOOT=pv32: no menu
	$(Q)$(MAKE) --no-print-directory $(B)/ringlet.iso $(if $(BOOT),all)
	$(Q)sh scripts/run-qemu $(BOOTED)

run-iso: ## boot the ISO with QEMU's own screen; Alt+3 shows the serial line, where you can type (Alt+1: back)
	$(Q)$(MAKE) --no-print-directory $(B)/ringlet.iso
	$(Q)DISPLAY_TYPE=$${DISPLAY_TYPE:-curses} SERIAL=vc sh scripts/run-qemu -cdrom $(B)/ringlet.iso

console: ## this terminal is serial line N of the machine that make run CONSOLES=4 has started
	$(Q)python3 scripts/console.py $(or $(N),1)

tmux: ## make run and its further serial lines (CONSOLES=2) side by side, in tmux
	$(Q)sh scripts/tmux.sh

debug: ## start the machine stopped, for `make gdb` in another terminal (WINDOWS=1: gdb here; WINDOWS=tmux: both here)
	$(Q)$(MAKE) --no-print-directory $(if $(V),,-s) all
	$(Q)WINDOWS=$(WINDOWS) BOOT=$(BOOT) sh scripts/gdb/debug.sh $(BOOTED)

gdb: ## gdb on the machine of `make debug`, with symbols and commands of our own (docs/debugging.md)
	$(Q)sh scripts/gdb/gdb.sh

test: ## build and run every test (T=word: only tests with that word in their name)
	$(Q)python3 scripts/run_tests.py --make "$(MAKE)" $(if $(T),--only $(T))

mutants: $(B)/tests/list $(B)/ringlet.elf ## take checks out, one at a time: which tests see it? (ROOM=, M=name; FRESH=n SEED= HOST=1)
	$(Q)python3 scripts/mutants.py $(if $(ROOM),--room $(ROOM)) $(if $(M),--only $(M)) \
		$(if $(FRESH),--fresh $(FRESH) --seed $(or $(SEED),1)) $(if $(HOST),--host --hurry)

bench: ## measure Ringlet, Debian's Xen and the bare floor, and print the table
	$(Q)$(MAKE) --no-print-directory bench-images
	$(Q)python3 scripts/bench.py

cost: ## measure the same workloads bare, as guests and on Debian's Xen, into build/report/results.json (A=pv64: only that)
	$(Q)$(MAKE) --no-print-directory $(if $(V),,-s) all
	$(Q)python3 scripts/cost.py $(A)

FORMATTED = $(shell find abi hypervisor guest-kernel dom0-tools tests docs/labs docs/hello -name '*.[ch]')

format: ## lay out all C files as .clang-format says
	$(Q)clang-format -i $(FORMATTED)

size: ## print the teaching kernel's size by room, and of its builds
	$(Q)sh scripts/kernel-size.sh

pictures: ## draw the pictures of the pages again (docs/pictures)
	$(Q)python3 scripts/pictures

lint: $(ABI_STAMP) $(LAYERED) ## check layout, layers, headers, guest kinds, generated pages, and run cppcheck
	$(Q)clang-format --dry-run -Werror $(FORMATTED)
	$(Q)python3 scripts/check-layers.py
	$(Q)python3 scripts/check-locks.py
	$(Q)sh scripts/check-headers.sh
	$(Q)python3 scripts/check-kinds.py
	$(Q)python3 scripts/check-names.py
	$(Q)python3 scripts/check-tools.py
	$(Q)python3 scripts/mutants.py --stale
	$(Q)$(MAKE) --no-print-directory check-docs
	$(Q)python3 scripts/check-pages.py
	$(Q)python3 scripts/pictures --check
	$(Q)python3 scripts/reading_order.py --check
	$(Q)sh scripts/kernel-size.sh
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability --std=c11 \
		--suppressions-list=scripts/cppcheck.suppress -Ihypervisor -Iabi/include -I$(B)/abi hypervisor

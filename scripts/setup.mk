# SPDX-License-Identifier: MIT
# Which Debian packages the goals of this call need, as scripts/setup.sh knows them: they are looked for before anything is
# built. Goals without a line here need none, or are made by one that has its line.

# $(1): goals; $(2): sets and packages
needs = $(foreach goal,$(1),$(eval PACKAGES_$(goal) += $(2)))
$(call needs,all run run-iso run-guests guests bench cost report daemons leaks soak scale machines killed fuzz-kernel ghost,run)
$(call needs,test test-images lint mutants fuzz fuzz-host fuzz-coverage suite,run test)
$(call needs,debug,run gdb $(if $(filter tmux,$(WINDOWS)),tmux))
$(call needs,tmux,run tmux)
$(call needs,gdb,gdb)
$(call needs,lab grade,run git patch)
$(call needs,linux-dom0 linux-dom0-iso linux-dom0-figures disk-figures run-linux test-linux-dom0 test-labs,run kmod cpio e2fsprogs)
$(call needs,test-labs,git patch)
$(call needs,test-linux-dom0,gdb)
$(call needs,appliances linux-disk test-linux-disk,run e2fsprogs)
$(call needs,hello docs console size pictures guest-kernel,run)
$(call needs,verify verify-pictures,run spin)
$(call needs,test-powercuts,run libcmocka-dev qemu-utils e2fsprogs)
$(call needs,test-bochs probe-bochs,run bochs)
$(call needs,format,clang-format)
$(call needs,test-dockerfile,mmdebstrap git)

PACKAGES := $(sort $(foreach goal,$(or $(MAKECMDGOALS),all),$(PACKAGES_$(goal))))
# Not for `make -n`.
ifneq ($(if $(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS)))),,$(PACKAGES)),)
ifneq ($(shell sh scripts/setup.sh $(PACKAGES) >&2 || echo failed),)
$(error the packages that this needs are not all there)
endif
endif

.PHONY: setup doctor
doctor: ## the versions of all tools beside those that were tested, and what does not work without each
	$(Q)CROSS=$(CROSS) sh scripts/doctor.sh

setup: # install the running set, or print the line that does
	$(Q)sh scripts/setup.sh run

.PHONY: test-dockerfile
test-dockerfile: ## the Dockerfile's steps and make run in a bare Debian 12 (as root, with a network)
	$(Q)python3 scripts/dockerfile.py check
	$(Q)python3 scripts/dockerfile.py run

# SPDX-License-Identifier: MIT
# Ringlet: `make help` lists what can be made. Each room's build.mk says how its own part is built.

B := build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

# mke2fs, depmod and their like: an ordinary user of Debian does not have them in PATH.
export PATH := $(PATH):/usr/sbin:/sbin

# As many jobs as there are processors, unless the user says how many; a make below has those of the one above.
ifeq ($(MAKELEVEL)$(shell { tr '\0' '\n' </proc/$$PPID/cmdline; printf '%s\n' $$MAKEFLAGS; } 2>/dev/null | \
	grep -E '^(--jobs.*|-[a-zA-Z]*j[0-9]*)$$'),0)
MAKEFLAGS += -j$(or $(shell nproc),1)
endif

WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wno-unused-parameter
# Quiet by default, `make V=1` shows every command. On a terminal each line says how far the build is: what is to be done is
# counted when the first step begins.
ifeq ($(V),)
Q    := @
say   = @printf '  %-8s %s\n' '$(1)' '$(2)';
ifneq ($(MAKE_TERMOUT),)
START := $(shell date +%s)
count = $(eval STEPS := $(shell MAKEFLAGS= $(MAKE) -n $(addprefix -o ,$(ABI_MADE)) MAKE_TERMOUT= $(MAKEOVERRIDES) $(MAKECMDGOALS) 2>/dev/null | grep -c '^printf .  %-8s'))
say   = @$(if $(STEPS),,$(count))$(eval STEP += x)sh scripts/progress.sh $(words $(STEP)) $(STEPS) $(START) '$(1)' '$(2)';
endif
else
Q    :=
say   =
endif

# built_from.h: the commit, for what tells it.
BUILT_FROM := $(B)/built-from
ifneq ($(MAKECMDGOALS),clean)
ifneq ($(shell sh scripts/built-from.sh $(BUILT_FROM)/built_from.h 2>&1),)
$(error scripts/built-from.sh has failed)
endif
endif

include scripts/cross.mk
include scripts/setup.mk
include abi/build.mk
-include hypervisor/build.mk
-include guest-kernel/build.mk
-include docs/hello/hello.mk
-include dom0-tools/build.mk
-include tests/build.mk
-include scripts/image.mk
-include scripts/dev.mk
-include scripts/labs.mk
-include scripts/guests.mk
-include scripts/appliances.mk
-include scripts/linux-dom0.mk
-include scripts/report.mk

.PHONY: all clean help
all: ## build every artifact

clean: ## remove build/
	rm -rf $(B)

help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

# SPDX-License-Identifier: MIT
# Ringlet: `make help` lists what can be made. Each room's build.mk says how its own part is built.

B := build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

CC   := gcc
NASM := nasm
WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wno-unused-parameter
# Quiet by default, `make V=1` shows every command.
ifeq ($(V),)
Q    := @
say   = @printf '  %-8s %s\n' '$(1)' '$(2)';
else
Q    :=
say   =
endif

include abi/build.mk
-include hypervisor/build.mk
-include guest-kernel/build.mk
-include dom0-tools/build.mk
-include tests/build.mk
-include scripts/image.mk
-include scripts/dev.mk
-include scripts/labs.mk
-include scripts/guests.mk
-include scripts/linux-dom0.mk
-include scripts/report.mk

.PHONY: all clean help
all: ## build every artifact

clean: ## remove build/
	rm -rf $(B)

help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

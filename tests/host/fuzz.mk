# SPDX-License-Identifier: MIT
# Coverage-guided fuzzing on the build machine: clang's libFuzzer with address and undefined-behaviour checks, and an oracle
# in each target (tests/host/fuzz/NAME.c). The corpus of each, minimised, is tests/host/corpus/NAME.tar.gz.

FUZZ_SRC_kernel := $(addprefix dom0-tools/lib/,err.c kernel.c) $(TOOLS_SHARED)
FUZZ_SRC_cfg    := $(addprefix dom0-tools/lib/,cfg.c cfg_scan.c err.c files.c) tests/host/xl_parser.c
FUZZ_LIBS_cfg   := -lxlutil
FUZZ_SRC_decode := hypervisor/emul/decode.c
FUZZ_SRC_mm     := hypervisor/lib/spinlock.c $(HOST_MM:$(B)/tests/host/%.o=%.c) $(HOST_MODEL:$(B)/tests/host/%.o=%.c)
FUZZ_SRC_gnt    := hypervisor/lib/spinlock.c $(HOST_MM:$(B)/tests/host/%.o=%.c) $(HOST_GNT:$(B)/tests/host/%.o=%.c)
FUZZ_SRC_evt    := hypervisor/lib/spinlock.c
FUZZ_SRC_store  := $(filter-out %/save.c,$(TOOLS_STORED))
FUZZ_SRC_qcow2  := $(addprefix dom0-tools/lib/,err.c files.c record.c cfg.c cfg_scan.c) $(TOOLS_IMAGES)
FUZZ_SRC_blkd := $(addprefix dom0-tools/blkd/,request.c execute.c pool.c) $(addprefix dom0-tools/lib/,err.c files.c)
# The teaching kernel's, which has headers of its own.
FUZZ_CFLAGS_ext2 := -Iguest-kernel -Iguest-kernel/pv
FUZZ_DEPS_ext2  := $(wildcard guest-kernel/kern/fs/ext2*.[ch] guest-kernel/kern/fs/*.h guest-kernel/kern/fs/prepared.c)
FUZZERS := blkd kernel cfg decode mm gnt evt store qcow2 ext2
# Longest input, and new inputs: in make test, and for one part in a thousand of make fuzz-host's.
FUZZ_LEN_blkd := 1024
FUZZ_RUNS_blkd := 20000
FUZZ_LEN_kernel := 8192
FUZZ_RUNS_kernel := 60000
FUZZ_LEN_cfg := 2048
FUZZ_RUNS_cfg := 60000
FUZZ_LEN_decode := 24
FUZZ_RUNS_decode := 200000
FUZZ_LEN_mm := 1024
FUZZ_RUNS_mm := 3000
FUZZ_LEN_gnt := 1024
FUZZ_RUNS_gnt := 10000
FUZZ_LEN_evt := 1024
FUZZ_RUNS_evt := 10000
FUZZ_LEN_ext2 := 512
FUZZ_RUNS_ext2 := 3000
FUZZ_LEN_store := 2048
FUZZ_RUNS_store := 5000
FUZZ_LEN_qcow2 := 12288
FUZZ_RUNS_qcow2 := 3000

FUZZ_OUT := $(B)/tests/host/fuzz
FUZZ_CFLAGS := -std=gnu11 -g -O1 -w -DHOST_TEST $(ABI_CFLAGS) -Ihypervisor -Idom0-tools -Idom0-tools/lib -Idom0-tools/stored -Idom0-tools/blkd \
	-Itests/host -Itests/host/fuzz
FUZZ_CHECKS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_COVERAGE := -fsanitize=fuzzer -fprofile-instr-generate -fcoverage-mapping

# $(1): name
define FUZZER
$(FUZZ_OUT)/$(1) $(FUZZ_OUT)/$(1)-coverage: tests/host/fuzz/$(1).c $(FUZZ_SRC_$(1)) $(wildcard hypervisor/*/*.h dom0-tools/*/*.h \
		tests/host/*.h tests/host/fuzz/*.h) $(FUZZ_DEPS_$(1)) | $(ABI_STAMP)
	$$(call say,FUZZ,$$@)mkdir -p $$(@D) && clang $(FUZZ_CFLAGS) $(FUZZ_CFLAGS_$(1)) $$(if $$(filter %-coverage,$$@),$(FUZZ_COVERAGE),$(FUZZ_CHECKS)) \
		-o $$@ tests/host/fuzz/$(1).c $(FUZZ_SRC_$(1)) -lcmocka $(FUZZ_LIBS_$(1))
$(FUZZ_OUT)/corpus/$(1)/.unpacked: $(wildcard tests/host/corpus/$(1).tar.gz)
	$$(Q)rm -rf $$(@D) && mkdir -p $$(@D) && $$(if $$<,tar -xzf $$< -C $$(@D),:) && touch $$@
endef
$(foreach f,$(FUZZERS),$(eval $(call FUZZER,$(f))))

# Everything kept once more, and new inputs from it: a fixed number, so that the result does not depend on speed.
$(foreach f,$(FUZZERS),$(eval $(call test,fuzz-$(f),300,sh scripts/fuzz-host.sh test $(f) $(FUZZ_RUNS_$(f)) $(FUZZ_LEN_$(f)),\
	$(FUZZ_OUT)/$(f) $(FUZZ_OUT)/corpus/$(f)/.unpacked)))

.PHONY: fuzz-host fuzz-coverage
fuzz-host: $(FUZZERS:%=$(FUZZ_OUT)/%) $(FUZZERS:%=$(FUZZ_OUT)/corpus/%/.unpacked) ## fuzz on the build machine, and keep what is new (F=: one target, TIMES=: the runs of make test)
	$(Q)set -e; $(foreach f,$(or $(F),$(FUZZERS)),sh scripts/fuzz-host.sh long $(f) $$(( $(FUZZ_RUNS_$(f)) * $(or $(TIMES),50) )) $(FUZZ_LEN_$(f));)

fuzz-coverage: $(FUZZERS:%=$(FUZZ_OUT)/%-coverage) $(FUZZERS:%=$(FUZZ_OUT)/corpus/%/.unpacked) ## how much of the code the kept inputs reach (lines, branches)
	$(Q)$(foreach f,$(FUZZERS),sh scripts/fuzz-host.sh coverage $(f);)

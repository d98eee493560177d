# SPDX-License-Identifier: MIT
# System tests: whole machines, driven over their serial line.

$(eval $(call test,main-job,1500,python3 tests/system/main_job.py,$(B)/ringlet.iso))

$(eval $(call test,options,200,python3 tests/system/options.py,$(B)/tests/hc-xen-version-pv64.elf $(B)/ringlet.elf))
$(eval $(call test,iso-menu,400,python3 tests/system/iso.py,$(B)/ringlet.iso))
$(eval $(call test,grants,300,python3 tests/system/grants.py,$(B)/dom0.cpio $(GK_OUT)/kernel-pv64.elf $(B)/ringlet.elf))
# `make tmux`, and `make debug` beside gdb, in a real tmux.
$(eval $(call test,tmux,400,python3 tests/system/tmux.py,$(B)/ringlet.iso $(B)/ringlet.debug.elf $(GK_OUT)/kernel-pv64.debug.elf))
$(eval $(call test,debug,900,python3 tests/system/debug.py,$(B)/ringlet.elf $(B)/ringlet.debug.elf $(B)/dom0.cpio $(B)/dom0-32.cpio \
	$(B)/guest/initrd64.cpio $(B)/guest/initrd32.cpio $(foreach k,$(GK_KINDS),$(GK_OUT)/kernel-$(k).debug.elf $(GK_OUT)/kernel-$(k).elf)))
$(eval $(call test,cores,60,python3 tests/system/cores.py,scripts/gdb/xl_core.py))

# Guests that cannot be run any further.
$(foreach k,pv64 pv32,$(eval $(call test,deaths-$(k),300,python3 tests/system/deaths.py $(k),\
	$(B)/tests/deaths-$(k).elf $(B)/ringlet.elf)))

$(foreach k,pv64 pv32,$(eval $(call test,nmi-$(k),150,python3 tests/system/nmi.py $(k),\
	$(B)/tests/pv-nmi-$(k).elf $(B)/ringlet.elf)))

# Each build of the teaching kernel, on the richest and on the plainest processor.
$(foreach k,native32 native64 pv32 pv64,$(foreach c,max qemu64,$(eval \
	$(call test,kernel-$(k)-$(c),300,python3 tests/system/kernels.py $(k) $(c),\
	$(GK_OUT)/kernel-$(k).elf $(GK_OUT)/initrd$(patsubst native%,%,$(patsubst pv%,%,$(k))).cpio $(B)/ringlet.elf))))

# Kernels that this machine does not run.
$(eval $(call test,other-kernels,400,python3 tests/system/other_kernels.py,\
	$(foreach k,pv64 pv32,$(GK_OUT)/kernel-$(k).elf) $(GK_OUT)/initrd64.cpio $(B)/dom0.cpio $(B)/dom0-32.cpio $(B)/ringlet.elf))

# The folder that the host shares; the programs that use it are found there.
$(B)/tests/share64 $(B)/tests/share32: $(B)/tests/share%: tests/system/share/files.c tests/system/check.h | $(USER_I386)
	@mkdir -p $(@D)
	$(call say,CC$*,$@)$(USER_CC_$*) $(USER_CFLAGS) -o $@ $<
$(eval $(call test,share,300,python3 tests/system/share.py,$(B)/ringlet.iso $(B)/ringlet.elf $(B)/dom0-32.cpio $(B)/tests/share64 \
	$(B)/tests/share32 $(foreach k,pv64 pv32 native64 native32,$(GK_OUT)/kernel-$(k).elf) $(GK_OUT)/initrd64.cpio $(GK_OUT)/initrd32.cpio))

# Disks; the program that uses them comes on one.
$(B)/tests/disk64 $(B)/tests/disk32: $(B)/tests/disk%: tests/system/disk/disk.c tests/system/check.h | $(USER_I386)
	@mkdir -p $(@D)
	$(call say,CC$*,$@)$(USER_CC_$*) $(USER_CFLAGS) -o $@ $<
$(eval $(call test,disk,300,python3 tests/system/disk.py,$(B)/ringlet.elf $(B)/dom0.cpio $(B)/dom0-32.cpio $(B)/tests/disk64 $(B)/tests/disk32 \
	$(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) $(GK_OUT)/initrd64.cpio $(GK_OUT)/initrd32.cpio))

# Networks; the program comes over one.
$(B)/tests/sockets64 $(B)/tests/sockets32: $(B)/tests/sockets%: tests/system/net/sockets.c tests/system/check.h | $(USER_I386)
	@mkdir -p $(@D)
	$(call say,CC$*,$@)$(USER_CC_$*) $(USER_CFLAGS) -o $@ $<
$(eval $(call test,net,400,python3 tests/system/net.py,$(B)/ringlet.elf $(B)/dom0.cpio $(B)/tests/sockets64 $(B)/tests/sockets32 \
	$(foreach k,native64 native32 pv64,$(GK_OUT)/kernel-$(k).elf) $(GK_OUT)/initrd64.cpio $(GK_OUT)/initrd32.cpio))

# Power cuts under ext2: a short form; make test-powercuts makes more.
$(B)/tests/powercuts64: tests/system/powercuts/work.c
	@mkdir -p $(@D)
	$(call say,CC64,$@)$(USER_CC_64) $(USER_CFLAGS) -o $@ $<
CUTS_NEED := $(B)/tests/powercuts64 $(GK_OUT)/kernel-native64.elf $(GK_OUT)/initrd64.cpio
$(eval $(call test,powercuts,600,python3 tests/system/powercuts.py,$(CUTS_NEED)))
.PHONY: test-powercuts
test-powercuts: $(B)/tests/host/tools_qcow2_cuts $(CUTS_NEED) ## cut the power in the middle of writing to qcow2 images and to ext2 (CUTS=, SEED=)
	$(Q)CUTS=$(or $(CUTS),600) $(B)/tests/host/tools_qcow2_cuts
	$(Q)python3 tests/system/powercuts.py $(or $(CUTS),600) $(or $(SEED),1)

# Files on disks, and a root on one. All six kinds: python3 tests/system/ext2.py
$(B)/tests/ext2-64 $(B)/tests/ext2-32: $(B)/tests/ext2-%: tests/system/ext2/ext2.c tests/system/check.h | $(USER_I386)
	@mkdir -p $(@D)
	$(call say,CC$*,$@)$(USER_CC_$*) $(USER_CFLAGS) -o $@ $<
$(eval $(call test,ext2,300,python3 tests/system/ext2.py pv64 native32 domu64,$(B)/ringlet.elf $(B)/dom0.cpio $(B)/tests/ext2-64 $(B)/tests/ext2-32 \
	$(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) $(GK_OUT)/initrd64.cpio $(GK_OUT)/initrd32.cpio))

# What may stand in an initrd.
$(foreach k,native64 native32,$(eval $(call test,initrds-$(k),300,python3 tests/system/initrds.py $(k),\
	$(GK_OUT)/kernel-$(k).elf $(GK_OUT)/initrd$(patsubst native%,%,$(k)).cpio)))

$(eval $(call test,cost,900,python3 tests/system/costs.py,$(B)/ringlet.elf $(B)/dom0.cpio $(B)/dom0-32.cpio \
	$(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) $(GK_OUT)/initrd32.cpio $(GK_OUT)/initrd64.cpio))

# Programs that attack their kernel (tests/kernel/), on each build of it. $(1): word size
ATTACK_SOURCES := $(wildcard tests/kernel/attack*.c)
define ATTACK_RULES
$(B)/tests/kernel$(1)/attack: $(ATTACK_SOURCES) tests/kernel/attack.h tests/kernel/free_kib.h | $(filter $(2),$(USER_I386))
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$@)$$(USER_CC_$(1)) $$(USER_CFLAGS) -o $$@ $(ATTACK_SOURCES)
$(B)/tests/kernel$(1)/fuzz $(B)/tests/kernel$(1)/failing: $(B)/tests/kernel$(1)/%: tests/kernel/%.c tests/kernel/free_kib.h guest-kernel/kern/sys/syscalls.def | $(filter $(2),$(USER_I386))
	@mkdir -p $$(@D)
	$$(call say,CC$(1),$$@)$$(USER_CC_$(1)) $$(USER_CFLAGS) -I. -o $$@ $$<
$(B)/tests/attack$(1).cpio: $(GK_OUT)/initrd$(1).cpio tests/kernel/attack.list $(B)/tests/kernel$(1)/attack \
		$(B)/tests/kernel$(1)/fuzz $(B)/tests/kernel$(1)/failing
	$$(call say,CPIO,$$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$$(USER_BUSYBOX_$(1)) -D PROGRAMS=$(GK_OUT)/user$(1) \
		-D TOOLS=$(B)/dom0-tools$(1:64=) -D TESTS=$(B)/tests/kernel$(1) $$@ guest-kernel/user/base.list tests/kernel/attack.list
endef
$(eval $(call ATTACK_RULES,64,))
$(eval $(call ATTACK_RULES,32,$(USER_I386)))
$(foreach k,native32 native64 pv32 pv64,$(eval $(call test,attack-kernel-$(k),600,python3 tests/system/attack.py $(k),\
	$(GK_OUT)/kernel-$(k).elf $(B)/tests/attack$(patsubst native%,%,$(patsubst pv%,%,$(k))).cpio $(B)/ringlet.elf)))
KERNEL_FUZZ_NEEDS := $(foreach k,native32 native64 pv32 pv64,$(GK_OUT)/kernel-$(k).elf) $(B)/tests/attack32.cpio $(B)/tests/attack64.cpio $(B)/ringlet.elf
$(foreach k,native32 native64 pv32 pv64,$(eval $(call test,fuzz-kernel-$(k),400,python3 tests/system/fuzz_kernel.py $(k),$(KERNEL_FUZZ_NEEDS))))

# The checked build: every allocation fails in turn, poisoned memory, and how long the lock is held.
$(foreach k,native32 native64 pv32 pv64,$(eval $(call test,checked-kernel-$(k),600,python3 tests/system/checked.py $(k),\
	$(GK_OUT)/kernel-$(k).checked.elf $(B)/tests/attack$(patsubst native%,%,$(patsubst pv%,%,$(k))).cpio $(B)/ringlet.elf)))

.PHONY: fuzz-kernel
fuzz-kernel: $(KERNEL_FUZZ_NEEDS) ## fuzz the teaching kernel's system calls on its four builds: SEED=, CALLS=
	$(Q)for k in native32 native64 pv32 pv64; do SEED=$(or $(SEED),1) ROUNDS=$(or $(ROUNDS),100) CALLS=$(or $(CALLS),4000) \
		python3 tests/system/fuzz_kernel.py $$k || exit 1; done

# Several processors: native on four, as guests with four vCPUs on two.
$(foreach k,native32 native64,$(eval $(call test,smp-$(k),600,python3 tests/system/smp.py $(k),\
	$(GK_OUT)/kernel-$(k).elf $(GK_OUT)/initrd$(patsubst native%,%,$(k)).cpio)))
$(eval $(call test,smp-guests,1500,python3 tests/system/smp.py guests,$(B)/ringlet.iso))

# Guest tests beside Dom0 and a victim: those of what only an ordinary domain is refused, and those that run as Dom0 and
# need nothing that is Dom0's alone, nor the processor for themselves (pv-failsafe counts what a switch away does). $(1): kind, $(2): set, $(3): its tests
DOM0_ONLY := hc-console-io hc-domctl hc-domctl-errors hc-domctl-state hc-event-channel-op hc-grant-table-op hc-hypfs-op hc-mca hc-memory-op hc-mmu-update hc-mmuext-op hc-physdev-op \
	hc-platform-op hc-sysctl hc-update-va-mapping-otherdomain pv-avx-restore pv-domain-rounds pv-emulation pv-many-domains pv-port-io pv-stays pv-trace \
	attack-control attack-event-channels attack-foreign-frames attack-grants attack-partial-trees attack-quota attack-shares attack-timer-lock pv-failsafe
define DOMU_RULES
$(B)/tests/$(2)-$(1).list: $(foreach t,domu-victim $(3),$(B)/tests/$(t)-$(1).elf) tests/system/system.mk
	$$(Q)printf 'dir /tests 755\nfile /etc/rl/domu.cfg 644 tests/system/domu/domu.cfg\n' > $$@
	$$(Q)for t in domu-victim $(3); do \
		$(STRIP) --strip-debug -o $(B)/tests/$$$$t-$(1).stripped $(B)/tests/$$$$t-$(1).elf && \
		echo "file /tests/$$$$t.elf 644 $(B)/tests/$$$$t-$(1).stripped"; done >> $$@
$(B)/tests/$(2)-$(1).cpio: $(B)/dom0.cpio $(B)/tests/$(2)-$(1).list tests/system/domu/domu.cfg
	$$(call say,CPIO,$$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest $$@ \
		guest-kernel/user/base.list dom0-tools/dom0.list $(B)/tests/$(2)-$(1).list
$$(eval $$(call test,$(2)-$(1),500,python3 tests/system/domu.py $(1) $(2),$(B)/tests/$(2)-$(1).cpio $(B)/ringlet.elf))
endef
$(foreach k,pv64 pv32,\
	$(eval $(call DOMU_RULES,$(k),attack-domu,$(DOMU_TESTS)))\
	$(eval $(call DOMU_RULES,$(k),ordinary,$(filter-out $(DOM0_ONLY) $(THREE_VCPU_TESTS),$(TESTS_$(k))))))

# Guests with much to say.
$(B)/dom0-flood.cpio: $(B)/dom0.cpio tests/system/flood/flood.list tests/system/domu/domu.cfg $(B)/tests/domu-flood-pv64.elf
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/system/flood/flood.list
$(eval $(call test,flood,500,python3 tests/system/flood.py,$(B)/dom0-flood.cpio $(B)/ringlet.elf))

# Hostile guests: a short run here, `make fuzz` for the long one.
$(B)/dom0-fuzz.cpio: $(B)/dom0.cpio tests/system/fuzz/fuzz.list $(wildcard tests/system/fuzz/*) $(FUZZ_IMAGES) $(B)/tests/fuzz-fv.elf
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/system/fuzz/fuzz.list
$(eval $(call test,fuzz,900,ROUNDS=1 CALLS=4000 python3 tests/system/fuzz.py,$(B)/dom0-fuzz.cpio $(B)/ringlet.elf))
$(eval $(call test,fuzz-turns,1500,TURNS=1 CALLS=20000 python3 tests/system/fuzz.py,$(B)/dom0-fuzz.cpio $(B)/ringlet.elf))
# As Dom0 it may break itself, which ends the machine: only a panic, a discrepancy or an end without a word is a failure.
$(foreach k,pv64 pv32,$(eval $(call test,fuzz-dom0-$(k),300,\
	SECONDS_MAX=280 CPUS=2 MAY_STOP=1 sh scripts/guest-test "$(B)/tests/fuzz-hypercalls-$(k).elf calls=4000" dom0_max_vcpus=8 reboot,\
	$(B)/tests/fuzz-hypercalls-$(k).elf)))
$(foreach k,pv64 pv32,$(eval $(call test,fuzz-dom0-turns-$(k),300,\
	SECONDS_MAX=280 TURNS=1 CPUS=2 MAY_STOP=1 sh scripts/guest-test "$(B)/tests/fuzz-hypercalls-$(k).elf calls=50000" dom0_max_vcpus=8 reboot,\
	$(B)/tests/fuzz-hypercalls-$(k).elf)))

$(foreach k,pv64 pv32,$(eval $(call test,fuzz-repeats-$(k),300,python3 tests/system/fuzz_repeats.py $(k),\
	$(B)/tests/fuzz-hypercalls-$(k).elf $(B)/ringlet.elf)))

# The ghost check (hypervisor/ghost/ghost.h): short, on one processor, where nearly every hypercall can be judged; that it
# sees a mistake in the bookkeeping of frames, of grants and of allotments; and one round of hostile guests.
GHOST_TESTS := hc-memory-op hc-mmu-update hc-mmuext-op hc-grant-table-op hc-update-va-mapping \
	hc-update-va-mapping-otherdomain attack-linear-tables attack-type-confusion attack-partial-trees
$(foreach k,pv64 pv32,$(foreach t,$(GHOST_TESTS),$(eval $(call test,ghost-$(t)-$(k),60,\
	GHOST=1 sh scripts/guest-test $(B)/tests/$(t)-$(k).elf,$(B)/ghost/ringlet.elf))))
# With another processor whose stores change live entries meanwhile.
$(foreach k,pv64 pv32,$(eval $(call test,ghost-attack-ptwr-stale-$(k)-2cpu,300,\
	GHOST=1 CPUS=2 SECONDS_MAX=280 sh scripts/guest-test $(B)/tests/attack-ptwr-stale-$(k).elf dom0_max_vcpus=2,$(B)/ghost/ringlet.elf)))
$(foreach k,pv64 pv32,$(eval $(call test,ghost-fuzz-dom0-$(k),120,\
	SECONDS_MAX=110 GHOST=1 MAY_STOP=1 sh scripts/guest-test "$(B)/tests/fuzz-hypercalls-$(k).elf calls=2000" dom0_max_vcpus=8 reboot,\
	$(B)/ghost/ringlet.elf)))
$(eval $(call test,ghost-fuzz,1500,GHOST=1 ROUNDS=1 CALLS=300 python3 tests/system/fuzz.py,$(B)/ghost/ringlet.elf))
$(eval $(call test,ghost-sees,200,python3 tests/system/ghost.py $(GHOST_MISTAKES),$(GHOST_MISTAKES:%=$(B)/ghost/%.elf)))

.PHONY: fuzz
fuzz: $(B)/dom0-fuzz.cpio $(B)/ringlet.elf $(B)/ghost/ringlet.elf ## hostile guests, many; racing; with the ghost; then fuzz-host: SEED=
	$(Q)TURNS=1 ROUNDS=$(or $(ROUNDS),30) PAIRS=6 CALLS=60000 SEED=$(or $(SEED),1) python3 tests/system/fuzz.py
	$(Q)ROUNDS=$(or $(ROUNDS),10) CALLS=20000 SEED=$(or $(SEED),1) python3 tests/system/fuzz.py
	$(Q)GHOST=1 TURNS=1 ROUNDS=$(or $(ROUNDS),10) CALLS=4000 SEED=$(or $(SEED),1) python3 tests/system/fuzz.py
	$(Q)$(MAKE) --no-print-directory fuzz-host
$(eval $(call test,store,600,python3 tests/system/store.py,$(B)/ringlet.iso))

# Dom0's daemons are killed: a few times here, `make daemons` for more.
.PHONY: daemons
daemons: $(B)/dom0.cpio $(B)/ringlet.elf ## kill Dom0's daemons at random moments: SEED=, KILLS=
	$(Q)KILLS=$(or $(KILLS),300) python3 tests/system/daemons.py
$(eval $(call test,daemons,900,KILLS=12 ROUNDS=3 python3 tests/system/daemons.py,$(B)/dom0.cpio $(B)/ringlet.elf))
# Ends and starts of domains, as scripts see them.
$(eval $(call test,ends,900,python3 tests/system/ends.py,$(B)/dom0.cpio $(B)/ringlet.elf))
# Prompts, consoles, screens and the manual, as a user has them.
$(eval $(call test,terminals,400,python3 tests/system/terminals.py,$(B)/dom0.cpio $(B)/ringlet.elf))
# What Tab completes, in both Dom0s.
$(eval $(call test,completion,300,python3 tests/system/completion.py,$(B)/ringlet.elf $(B)/dom0.cpio $(B)/dom0-32.cpio))
# rl killed at each of its system calls: a few dozen of them here, `make killed` for all.
$(B)/dom0-killed.cpio: $(B)/dom0-scale.cpio tests/system/killed/killed.list tests/system/killed/killed.sh
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/system/scale/scale.list tests/system/killed/killed.list
KILLED_NEEDS := $(B)/dom0-killed.cpio $(GK_OUT)/kernel-pv64.checked.elf $(B)/ringlet.elf
$(eval $(call test,killed,600,python3 tests/system/killed.py short,$(KILLED_NEEDS)))

.PHONY: killed
killed: $(KILLED_NEEDS) ## kill rl at each of its system calls, and look for what is left behind
	$(Q)python3 tests/system/killed.py long

$(eval $(call test,leaks,400,python3 tests/system/leaks.py,$(B)/dom0.cpio $(B)/ringlet.elf))

# Machines of many shapes: a choice of them here, `make machines` for all.
MACHINE_NEEDS := $(foreach t,hc-memory-op pv-events,$(foreach k,pv64 pv32,$(B)/tests/$(t)-$(k).elf)) $(B)/ringlet.elf \
	$(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) $(B)/dom0.cpio $(B)/dom0-32.cpio
$(eval $(call test,machines,600,python3 tests/system/machines.py short,$(MACHINE_NEEDS)))

.PHONY: machines
machines: $(MACHINE_NEEDS) ## boot on machines of every shape: memory, processors and their features, boards
	$(Q)python3 tests/system/machines.py long

.PHONY: leaks
leaks: $(B)/dom0.cpio $(B)/ringlet.elf ## create and destroy 1,000 guests, and look for what is lost (ROUNDS=)
	$(Q)ROUNDS=$(or $(ROUNDS),1000) python3 tests/system/leaks.py

# The bare machine's kernel in ring 1, with and without UMIP.
$(foreach c,max qemu64,$(eval $(call test,fv-$(c),300,python3 tests/system/fv.py $(c),$(B)/dom0.cpio $(B)/ringlet.elf)))

# Its clock, beside busy guests.
$(eval $(call test,fv-clock,500,python3 tests/system/fv_clock.py,$(B)/dom0.cpio $(B)/ringlet.elf))

# Guests from Debian packages, beside Dom0 and as Dom0, on Ringlet and on Debian's Xen.
GUEST_NEEDS := $(B)/ringlet.elf $(GK_OUT)/kernel-pv64.elf $(B)/guests.cpio
$(foreach w,messages pins,$(eval $(call test,dom0-devices-$(w),900,python3 tests/system/dom0_devices.py $(w),\
	$(B)/ringlet.elf $(B)/guests/initrd-devices.cpio)))
$(foreach w,domains dom0,$(eval $(call test,guests-$(w),1800,python3 tests/system/guests.py $(w),$(GUEST_NEEDS))))

# Our own Dom0 and its tools on Debian's Xen.
$(eval $(call test,rl-on-xen,600,python3 tests/system/rl_on_xen.py,$(GK_OUT)/kernel-pv64.elf $(B)/dom0.cpio $(B)/guests/.fetched))

# Virtual disks: Debian's Linux on rl-blkd.
$(B)/tests/disks-guest.cpio: scripts/guests/linux.list scripts/guests/init $(B)/guests/.fetched
	$(call say,CPIO,$@)mkdir -p $(@D) && \
	python3 scripts/linux_modules.py $(B)/guests/deb/linux-image-*-cloud-amd64_*.deb $(B)/tests/disks-modules xen_blkfront && \
	python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) $@ scripts/guests/linux.list $(B)/tests/disks-modules/list
$(eval $(call test,disks,1200,python3 tests/system/disks.py,$(B)/ringlet.elf $(GK_OUT)/kernel-pv64.elf $(B)/dom0.cpio \
	$(B)/guests/vmlinux-cloud.gz $(B)/tests/disks-guest.cpio $(B)/tests/domu-liar.stripped $(addprefix $(B)/appliances/,ringlet.rla web.rla)))

# The credit scheduler, by guests that compute.
$(eval $(call test,credit,600,python3 tests/system/credit.py,$(B)/ringlet.elf $(GK_OUT)/kernel-pv64.elf $(B)/dom0.cpio))

# Virtual networks: guests of the teaching kernel on rl-netd's switch.
$(eval $(call test,networks,400,python3 tests/system/networks.py,$(B)/ringlet.elf $(GK_OUT)/kernel-pv64.elf $(GK_OUT)/kernel-pv32.elf $(B)/dom0.cpio))

# The hello guests, on both.
$(eval $(call test,hello,900,python3 tests/system/hello.py,$(GK_OUT)/hello.list $(GK_OUT)/hello/c-xen.o $(GK_OUT)/kernel-pv64.elf $(B)/dom0.cpio \
	$(B)/guests/.fetched $(B)/ringlet.elf))

# Our tools on Debian's Linux as Dom0, beside Debian's daemons; instead of them, and on Debian's Xen: make test-linux-dom0.
$(eval $(call test,linux-dom0-rl,3600,python3 tests/system/linux_dom0_rl.py beside,$(B)/linux-dom0/dom0.cpio $(B)/ringlet.elf))

# Accounting and tracing by the real tools, beside guests at work.
$(eval $(call test,trace,900,python3 tests/system/trace.py,$(B)/ringlet.iso))
$(foreach c,max qemu64,$(eval $(call test,fv-probe-$(c),300,python3 tests/system/fv_probe.py $(c),\
	$(B)/tests/fv-probe.elf $(B)/dom0-probe.cpio $(B)/ringlet.elf)))

# A hostile kernel in an fv domain.
$(eval $(call test,fv-hostile,400,python3 tests/system/fv_hostile.py max,\
	$(B)/tests/fv-hostile.elf $(B)/dom0-hostile.cpio $(B)/ringlet.elf))

# Not among the tests: Debian's Bochs does not start on every machine (its display library may abort).
.PHONY: test-bochs
test-bochs: $(GUEST_IMAGES) $(B)/ringlet.elf ## run the guest tests under Bochs, a stricter processor (T=word)
	$(Q)python3 tests/system/bochs.py $(T)

.PHONY: probe-bochs
probe-bochs: $(B)/tests/fv-probe.elf ## run the probe of sensitive instructions under Bochs, which enforces segment limits
	$(Q)python3 tests/system/fv_probe.py bochs

# The report: its single-stepper, and its page as a browser lays it out.
$(eval $(call test,timelines,600,python3 tests/system/timelines.py,$(B)/ringlet.debug.elf \
	$(foreach k,native32 pv64,$(GK_OUT)/kernel-$(k).elf) $(GK_OUT)/initrd32.cpio $(B)/dom0.cpio $(B)/ringlet.elf))
$(eval $(call test,report,400,python3 tests/system/report.py))

# How long an fv domain keeps interrupts off.
$(eval $(call test,fv-stays,400,python3 tests/system/fv_stays.py,\
	$(B)/tests/fv-stays.elf $(B)/dom0-fv-stays.cpio $(B)/ringlet.elf))

# Many domains, and domains with much to say on their consoles: a short form here, `make scale` for 250 and a table.
$(B)/tests/domu-talker.stripped: $(B)/tests/domu-talker-pv64.elf
	$(Q)$(STRIP) --strip-debug -o $@ $<
$(B)/dom0-scale.cpio: $(B)/dom0.cpio tests/system/scale/scale.list tests/system/scale/tiny.cfg $(B)/tests/domu-talker.stripped
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/system/scale/scale.list
$(eval $(call test,scale,900,python3 tests/system/scale.py short,$(B)/dom0-scale.cpio $(B)/ringlet.elf))

# Domains of all kinds at work: some minutes of it here, `make soak` for an hour.
$(B)/dom0-soak.cpio: $(B)/dom0-scale.cpio tests/system/soak/soak.list tests/system/soak/soak.sh
	$(call say,CPIO,$@)python3 dom0-tools/mkcpio.py -D BUSYBOX=$(BUSYBOX) -D PROGRAMS=$(B)/guest/user64 \
		-D TOOLS=$(B)/dom0-tools -D GUEST=$(B)/guest -D TESTS=$(B)/tests \
		$@ guest-kernel/user/base.list dom0-tools/dom0.list tests/system/scale/scale.list tests/system/soak/soak.list
$(eval $(call test,soak,900,python3 tests/system/soak.py,$(B)/dom0-soak.cpio $(B)/ringlet.elf))

.PHONY: soak
soak: $(B)/dom0-soak.cpio $(B)/ringlet.elf ## domains of all kinds, used for an hour of guest time: SECONDS=
	$(Q)SECONDS=$(or $(SECONDS),3600) python3 tests/system/soak.py

.PHONY: scale
scale: $(B)/dom0-scale.cpio $(B)/ringlet.elf ## 250 domains, 100 that talk: what one costs among many
	$(Q)python3 tests/system/scale.py long

# Linux and GRUB from a disk that rl-blkd lends.
.PHONY: test-linux-disk
test-linux-disk: $(B)/linux-disk/disk.img $(B)/guests.cpio $(B)/ringlet.elf ## guests that start from a disk, on the teaching Dom0
	$(Q)python3 tests/system/linux_disk.py

# Debian's Linux as Dom0: what is too long for each run of the tests. A part is a script and its arguments.
LINUX_DOM0_PARTS := iso devices-ringlet $(foreach h,ringlet xen,rl-beside-$(h) rl-instead-$(h) disk-$(h) storage-$(h)) \
	$(foreach f,short long lying,$(if $(ON),xl-$(f)-$(ON),xl-$(f)))
.PHONY: test-linux-dom0
test-linux-dom0: $(B)/linux-dom0/linux-dom0.iso $(B)/linux-dom0/dom0.cpio $(B)/linux-disk/disk.img $(B)/ringlet.elf $(B)/tests/domu-liar.stripped ## Debian's Linux and xl as Dom0, at length: T=xl-short, ON=ringlet, ROUNDS=
	$(Q)ran=; failed=; ROUNDS=$(or $(ROUNDS),100); export ROUNDS; \
	for p in $(foreach p,$(LINUX_DOM0_PARTS),$(if $(findstring $(or $(T),$(p)),$(p)),$(p))); do \
		echo "# linux-dom0: $$p"; ran=1; \
		(IFS=-; set -- $$p; part=$$1; shift; exec python3 tests/system/linux_dom0_$$part.py "$$@") || failed="$$failed $$p"; \
	done; \
	[ "$$ran" ] || { echo "no part has $(T) in its name: $(LINUX_DOM0_PARTS)"; exit 1; }; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

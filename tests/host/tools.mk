# SPDX-License-Identifier: MIT
# Unit tests of the Dom0 tools: on the build machine, with address and undefined-behaviour checks.

TOOLS_TESTS   := tools_appliance tools_blkd tools_blkd_held tools_builder tools_capture tools_cfg tools_console tools_disks tools_domains tools_files tools_fv_builder tools_kernel tools_memory tools_netring tools_nics tools_nic_store tools_qcow2 tools_qcow2_cuts tools_raw tools_records \
	tools_store tools_store_edges tools_store_fair tools_store_kept tools_store_rules tools_store_saved tools_store_scale tools_store_watches tools_stored tools_switch tools_terminal tools_timeline tools_written tools_why tools_xl_cfg tools_xl_disk tools_xs
TOOLS_STORED  := $(filter-out %/main.c,$(wildcard dom0-tools/stored/*.c))
TOOLS_IMAGES  := $(addprefix dom0-tools/blkd/,image.c raw.c) $(wildcard dom0-tools/blkd/qcow2*.c)
# grants.c stays out: tests have guests of their own.
TOOLS_TESTED  := $(filter-out %/grants.c,$(wildcard dom0-tools/lib/*.c)) $(TOOLS_SHARED) $(addprefix dom0-tools/rl/,screen.c table.c) $(TOOLS_STORED)
TOOLS_TCFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined $(WARN) \
	$(ABI_CFLAGS) -Idom0-tools/lib -Idom0-tools/rl -Idom0-tools/stored -Idom0-tools/blkd -Idom0-tools -Itests/host -Ihypervisor

$(B)/tests/host/tools/%.o: %.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(TOOLS_TCFLAGS) -MMD -MP -c -o $@ $<

TOOLS_TESTED_O := $(patsubst %.c,$(B)/tests/host/tools/%.o,$(TOOLS_TESTED) tests/host/tools_fake.c \
	tests/host/tools_store_client.c)

$(TOOLS_TESTS:%=$(B)/tests/host/%): $(B)/tests/host/%: $(B)/tests/host/tools/tests/host/%.o $(TOOLS_TESTED_O)
	$(call say,LD,$@)$(CC) -fsanitize=address,undefined -o $@ $^ -lcmocka $(LIBS_$(@F))

$(B)/tests/host/tools_kernel: | $(B)/dom0-tools/rl-unpack
$(B)/tests/host/tools_appliance: | $(B)/dom0-tools/rl-image
# Allocations that a test refuses.
LIBS_tools_memory := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
# Xen's own parser of configuration files.
$(B)/tests/host/tools_xl_cfg: $(B)/tests/host/tools/tests/host/xl_parser.o
LIBS_tools_xl_cfg := -lxlutil
LIBS_tools_nics := -lxlutil -lxenlight
# A store in a child process.
$(B)/tests/host/tools_disks $(B)/tests/host/tools_nic_store: $(B)/tests/host/tools/tests/host/store_child.o
# The same for disks, and libxenlight's numbers of them, which only its archive shows.
LIBS_tools_xl_disk := -l:libxlutil.a -l:libxenlight.a -lxenctrl -lxenguest -lxenstore -lxentoolcore -lxentoollog -lxenevtchn \
	-lxendevicemodel -lxenforeignmemory -lxengnttab -lxencall -lxenhypfs -l:libyajl.so.2 -l:libuuid.so.1

# Images of disks, beside what qemu-img makes of them. A disk that is full is ours to say.
TOOLS_IMAGES_O := $(patsubst %.c,$(B)/tests/host/tools/%.o,$(TOOLS_IMAGES) tests/host/disk_twin.c)
$(B)/tests/host/tools_blkd: $(patsubst %.c,$(B)/tests/host/tools/%.o,$(addprefix dom0-tools/blkd/,request.c execute.c pool.c))
# rl-netd's switch and rings: all that has no input or output.
TOOLS_SWITCH_O := $(patsubst %.c,$(B)/tests/host/tools/%.o,$(addprefix dom0-tools/netd/,frame.c offload.c switch.c mac.c groups.c))
TOOLS_CAPTURE_O := $(patsubst %.c,$(B)/tests/host/tools/%.o,$(addprefix dom0-tools/netd/,capture.c pcapng.c settings.c card.c))
$(B)/tests/host/tools_capture: $(TOOLS_CAPTURE_O) $(TOOLS_SWITCH_O)
TOOLS_NETRING_O := $(patsubst %.c,$(B)/tests/host/tools/%.o,$(addprefix dom0-tools/netd/,tx.c rx.c tx_parse.c rate.c frame.c offload.c))
$(B)/tests/host/tools_switch: $(TOOLS_SWITCH_O)
$(B)/tests/host/tools_netring: $(TOOLS_NETRING_O)
$(B)/tests/host/tools_qcow2 $(B)/tests/host/tools_qcow2_cuts: $(TOOLS_IMAGES_O)
$(B)/tests/host/tools_blkd_held: $(TOOLS_IMAGES_O)
$(B)/tests/host/tools_raw: $(filter-out %/raw.o,$(TOOLS_IMAGES_O))
LIBS_tools_qcow2 := -Wl,--wrap=pwrite,--wrap=fstat
LIBS_tools_qcow2_cuts := -Wl,--wrap=pwrite,--wrap=fdatasync,--wrap=ftruncate,--wrap=fallocate

-include $(TOOLS_TESTED_O:.o=.d) $(TOOLS_IMAGES_O:.o=.d) $(TOOLS_SWITCH_O:.o=.d) $(TOOLS_NETRING_O:.o=.d) $(TOOLS_CAPTURE_O:.o=.d) $(TOOLS_TESTS:%=$(B)/tests/host/tools/tests/host/%.d)

# Those of images run many of QEMU's programs.
$(foreach t,$(TOOLS_TESTS),$(eval $(call test,host-$(subst _,-,$(t)),$(if $(findstring qcow2,$(t)),900,120),$(B)/tests/host/$(t),$(B)/tests/host/$(t))))

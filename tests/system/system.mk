# System tests: whole machines, driven over their serial line.
# SPDX-License-Identifier: MIT

$(eval $(call test,main-job,1500,python3 tests/system/main_job.py,$(B)/ringlet.iso))

$(eval $(call test,iso-menu,400,python3 tests/system/iso.py,$(B)/ringlet.iso))
$(eval $(call test,debug,120,python3 tests/system/debug.py,$(B)/ringlet.iso $(B)/ringlet.debug.elf))

# Each build of the teaching kernel, on the richest and on the plainest processor.
$(foreach k,native32 native64 pv32 pv64,$(foreach c,max qemu64,$(eval \
	$(call test,kernel-$(k)-$(c),300,python3 tests/system/kernels.py $(k) $(c),\
	$(GK_OUT)/kernel-$(k).elf $(GK_OUT)/initrd$(patsubst native%,%,$(patsubst pv%,%,$(k))).cpio $(B)/ringlet.elf))))

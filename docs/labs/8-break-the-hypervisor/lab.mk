# SPDX-License-Identifier: MIT
# The judge and the attacks are one guest.

$(foreach k,pv64 pv32,$(eval $(B)/labs/8-break-the-hypervisor/judge-$(k).elf: $(B)/labs/8-break-the-hypervisor/attacks-$(k).o \
	$(B)/labs/mark-$(k).o))

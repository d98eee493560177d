# SPDX-License-Identifier: MIT
# The meter and the ways are one guest.

$(foreach k,pv64 pv32,$(eval $(B)/labs/5-trap-or-hypercall/meter-$(k).elf: $(B)/labs/5-trap-or-hypercall/ways-$(k).o \
	$(B)/labs/mark-$(k).o))

# SPDX-License-Identifier: MIT
# The judge and the attack are one guest.

$(foreach k,pv64 pv32,$(eval $(B)/labs/2-ring-compression/judge-$(k).elf: $(B)/labs/2-ring-compression/attack-$(k).o \
	$(B)/labs/mark-$(k).o))

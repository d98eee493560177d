# SPDX-License-Identifier: MIT
# The judge and the consumer are one guest.

$(foreach k,pv64 pv32,$(eval $(B)/labs/7-lost-wake-up/judge-$(k).elf: $(B)/labs/7-lost-wake-up/consumer-$(k).o \
	$(B)/labs/mark-$(k).o))

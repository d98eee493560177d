# The meter and the ways are one guest.
# SPDX-License-Identifier: MIT

$(foreach k,pv64 pv32,$(eval $(B)/labs/5-trap-or-hypercall/meter-$(k).elf: $(B)/labs/5-trap-or-hypercall/ways-$(k).o))

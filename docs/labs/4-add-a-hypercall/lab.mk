# SPDX-License-Identifier: MIT
# Lab 4: hypervisors whose frame_info is wrong on purpose (mutant.c), for the student's test to find.

LAB4 := labs/4-add-a-hypercall

$(B)/$(LAB4)/mutant-%.o: docs/$(LAB4)/mutant.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(HV_CFLAGS) -DMUTANT=$* -c -o $@ $<

$(B)/$(LAB4)/mutant-%.elf: $(B)/$(LAB4)/mutant-%.o $(HV_OBJ) $(HV_OUT)/no-symbols.o $(HV_LDS)
	$(call say,LD,$@)$(HV_LD) --wrap=hc_frame_info -o $@.debug $< $(HV_OBJ) $(HV_OUT)/no-symbols.o && \
	$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.hv*-$(HV_BASE)' $@.debug $@

# SPDX-License-Identifier: MIT
# Lab 4: hypervisors whose frame_info is wrong on purpose (mutant.c), for the student's test to find.

LAB4 := labs/4-add-a-hypercall

$(B)/$(LAB4)/mutant-%.o: docs/$(LAB4)/mutant.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(HV_CFLAGS) -DMUTANT=$* -c -o $@ $<

$(B)/$(LAB4)/mutant-%.elf: $(B)/$(LAB4)/mutant-%.o $(HV_OBJ) $(HV_OUT)/no-symbols.o $(HV_LDS)
	$(call say,LD,$@)$(HV_LD) --wrap=hc_frame_info -o $@.debug $< $(HV_OBJ) $(HV_OUT)/no-symbols.o && \
	$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.hv*-$(HV_BASE)' $@.debug $@

$(foreach k,pv64 pv32,$(eval $(B)/$(LAB4)/check-$(k).elf: $(B)/labs/mark-$(k).o))

# The student's handler with every function of its own kept apart, so that QEMU's log shows them being called.
$(B)/$(LAB4)/seen.o: hypervisor/mm/frame_info_op.c | $(ABI_STAMP)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(HV_CFLAGS) -fno-inline -fno-function-sections -c -o $@ $<

$(B)/$(LAB4)/seen.elf: $(B)/$(LAB4)/seen.o $(filter-out $(HV_OUT)/mm/frame_info_op.o,$(HV_OBJ)) $(HV_OUT)/no-symbols.o $(HV_LDS)
	$(call say,LD,$@)$(HV_LD) -o $@.debug $< $(filter %.o,$(filter-out $<,$^)) && \
	$(OBJCOPY) -S -O elf32-i386 --change-section-vma '.hv*-$(HV_BASE)' $@.debug $@

# SPDX-License-Identifier: MIT
# The report: build/report/index.html from the figures of `make cost` and the timelines of the single-stepper.
# Both are made again when something they measure is newer. docs/report.md describes page and files.

REPORT        := $(B)/report
REPORT_DIR    := scripts/report
REPORT_IMAGES := $(B)/ringlet.elf $(GK_KINDS:%=$(GK_OUT)/kernel-%.elf) $(B)/dom0.cpio $(B)/dom0-32.cpio \
	$(foreach w,32 64,$(GK_OUT)/initrd$(w).cpio)
# If an arrangement is missing (Xen without a network), the page shows the others.
REPORT_REST    = { test -s $@ && echo "Not every arrangement could be measured; the report shows what there is."; }

.PHONY: report
report: ## measure every arrangement and write build/report/index.html: tables and plots (minutes)
	$(Q)$(MAKE) --no-print-directory $(REPORT)/index.html
	@echo "The report: $(CURDIR)/$(REPORT)/index.html"

$(REPORT)/index.html: $(REPORT)/results.json $(REPORT)/timelines.json $(wildcard $(REPORT_DIR)/*.*)
	@echo "  REPORT   $@" # no step of a build: what was done before took minutes
	$(Q)python3 $(REPORT_DIR) --results $< --timelines $(REPORT)/timelines.json -o $@

$(REPORT)/results.json: $(REPORT_IMAGES) $(wildcard scripts/cost*.py)
	@echo "1 of 2: measuring the costs in every arrangement:"
	$(Q)$(MAKE) --no-print-directory cost || $(REPORT_REST)

# Not while costs are measured: those are times, too.
$(REPORT)/timelines.json: $(REPORT_IMAGES) $(REPORT_DIR)/timelines.py $(REPORT_DIR)/gdb_remote.py | $(REPORT)/results.json
	@echo "2 of 2: single-stepping one system call in every arrangement:"
	$(Q)python3 $(REPORT_DIR)/timelines.py -o $@ || $(REPORT_REST)

# SPDX-License-Identifier: MIT
# The models of the isolation rules and of the events, explored by spin (tests/verify/README.md).

.PHONY: verify verify-pictures
verify: ## explore the models of page types and events whole, and see all their mutants fail (ONLY=word: these)
	$(Q)python3 tests/verify/verify.py $(if $(ONLY),--only $(ONLY))

verify-pictures: ## redraw docs/pictures, the counter-examples that the labs show
	$(Q)python3 tests/verify/verify.py --pictures

$(eval $(call test,verify,300,python3 tests/verify/verify.py --short))

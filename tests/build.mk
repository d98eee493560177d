# The tests: guest tests, host unit tests, system tests.
# SPDX-License-Identifier: MIT

-include tests/fw/fw.mk
-include tests/host/host.mk

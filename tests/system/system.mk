# System tests: whole machines, driven over their serial line.
# SPDX-License-Identifier: MIT

$(eval $(call test,main-job,1500,python3 tests/system/main_job.py,$(B)/ringlet.iso))

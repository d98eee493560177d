# SPDX-License-Identifier: MIT
"""Where xl's answers on Ringlet and on Debian's Xen 4.17 differ, and why: patterns for xl_session.compare()."""

# Ringlet's scheduler knows no weights: it is the one that Xen calls null. Weights are refused (EOPNOTSUPP).
SCHEDULER = [
    r'xen xl list -l: +"(sched": "credit",|weight": 256,|cap": 0)', r'ringlet xl list -l: +"sched": "null"',
    r"xen xl info -n: xen_scheduler +: credit", r"ringlet xl info -n: xen_scheduler +: null",
    r"xen xl sched-credit; xl sched-credit -d 0: (Cpupool Pool-0: tslice=30ms .*|Domain-0 +0 +256 +0|Name .*|exit status 0)",
    r"ringlet xl sched-credit; xl sched-credit -d 0: (libxl_domain_sched_params_get returned null not credit\.|exit status 1)",
    r"ringlet xl sched-credit -d work -w 512: (libxl.*|exit status 1)", r"xen xl sched-credit -d work -w 512: exit status 0",
]
# 32-bit PV, which Xen has no more; no guests by hardware virtualisation.
MACHINE = [
    r"xen xl info -n: virt_caps +: pv hvm hap gnttab-v1 gnttab-v2", r"ringlet xl info -n: virt_caps +: pv",
    r"xen xl info -n: xen_extra +: \.\d+", r"ringlet xl info -n: xen_extra +: \.0-ringlet",
    r"xen xl info -n: xen_version +: 4\.17\.\d+", r"ringlet xl info -n: xen_version +: 4\.17\.0-ringlet",
    r"xen xl info -n: xen_caps +: xen-3\.0-x86_64 hvm-.*", r"ringlet xl info -n: xen_caps +: xen-3\.0-x86_64 xen-3\.0-x86_32p",
]
# A guest whose policy of CPUID has a feature that is not here: Xen takes it away.
POLICY = [
    r"ringlet xl restore -p /mnt/other && xl destroy work: (xc: error: .*|libxl: error: .*|exit status 1)",
    r"xen xl restore -p /mnt/other && xl destroy work: (xc: info: (Restore successful|(XenStore|Console): mfn, .*)|exit status 0)",
]
DIFFERENCES = {"short": SCHEDULER + MACHINE + POLICY, "long": [], "lying": []}

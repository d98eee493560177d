/* SPDX-License-Identifier: MIT */
/* Dom0's door to accounting and tracing: the sysctls of ringlet/sysctl.h. */
#pragma once

struct xen_sysctl;

/* 0 or -errno; answers in *op. The caller has checked that Dom0 asks. */
long trace_sysctl(struct xen_sysctl *op);

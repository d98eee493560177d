/* SPDX-License-Identifier: MIT */
/* The version of Xen whose ABI guests are offered: by xen_version and by CPUID (emul/cpuid.c). */
#pragma once

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

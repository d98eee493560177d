/* SPDX-License-Identifier: MIT */
/* What the hypervisor says of itself: by xen_version, by CPUID (emul/cpuid.c), in its file system (dom/hypfs.c). */
#pragma once

/* The version of Xen whose ABI guests are offered. */
#define VERSION_MAJOR 4
#define VERSION_MINOR 17
#define VERSION_EXTRA ".0-ringlet"

#define VERSION_COMPILER       "gcc " __VERSION__
#define VERSION_COMPILE_BY     "ringlet"
#define VERSION_COMPILE_DOMAIN "localhost"
#define VERSION_COMPILE_DATE   "2026"

/* The commit that this is built from, or that there was none to ask for. */
extern const char version_changeset[];

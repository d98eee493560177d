/* SPDX-License-Identifier: MIT */
/* Making the first guest from the loader's modules. */
#pragma once

#include "boot/boot.h"

/* Build Dom0 from @kernel (ELF or gzip, Xen notes) and @initrd (NULL: none), runnable on return. -errno, the
 * reason printed. */
int dom0_build(const struct module *kernel, const struct module *initrd, const char *cmdline);

/* SPDX-License-Identifier: MIT */
#include "kern/lib/uts.h"
#include "x86/linux_abi.h"

/* The release of the Linux whose system calls these are: glibc checks it and refuses to run on an older one.
 */
struct utsname uts = {
    .sysname = "Linux",
    .release = "6.1.0-ringlet",
    .version = "Ringlet teaching kernel",
    .machine = ABI_MACHINE,
    .domainname = "(none)",
};

/* SPDX-License-Identifier: MIT */
/* /dev/xen/privcmd: hypercalls, and mappings of other domains' memory, for Dom0's tools. Linux's interface.
 */
#ifndef DRIVERS_PRIVCMD_H
#define DRIVERS_PRIVCMD_H

void privcmd_init(void);

#endif

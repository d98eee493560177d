/* SPDX-License-Identifier: MIT */
/* Why an NMI reached Dom0: bits of shared_info.arch.nmi_reason. */
#pragma once

#include "xen.h"

#define XEN_NMIREASON_io_error (1ul << 0)
#define XEN_NMIREASON_pci_serr (1ul << 1)
#define XEN_NMIREASON_unknown  (1ul << 2)

#define XENNMI_register_callback   0
#define XENNMI_unregister_callback 1

struct xennmi_callback {
	unsigned long handler_address;
	unsigned long pad;
};

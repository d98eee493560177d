/* SPDX-License-Identifier: MIT */
/* What emul/ keeps in each domain (guest/domain.h). */
#pragma once

#include "lib/types.h"

struct domain_emul {
	uint32_t
	    pci_index; /* its view of port 0xcf8, if it may use the machine's ports; without a lock, as on a machine */
};

/* SPDX-License-Identifier: MIT */
/* The parts of hc_memory_op. Each returns what the hypercall returns. */
#pragma once

#include "lib/types.h"

#define MEMOP_EXTENT_SHIFT 6 /* bits of the command above: extents done before a restart */
#define MEMOP_CMD_MASK     ((1u << MEMOP_EXTENT_SHIFT) - 1)

/* increase_reservation, decrease_reservation, populate_physmap (mm/memory_op.c). */
long memory_reservation_op(uint32_t cmd, uint64_t start, gva_t arg);
/* exchange (mm/exchange_op.c). */
long memory_exchange_op(gva_t arg);
/* Those that describe memory: totals, memory maps, the M2P (mm/memory_map_op.c). */
long memory_describe_op(uint32_t cmd, gva_t arg);

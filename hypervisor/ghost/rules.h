/* SPDX-License-Identifier: MIT */
/*
 * The rules of page tables as a guest is told them, written down a second time: which slots are the hypervisor's,
 * which bits an entry may have, what it reads once it is in use. Nothing here comes from mm/ or pv/, so that a mistake
 * there shows as a difference. Users: the ghost check (ghost/model.c) and the frame model of the host's tests.
 */
#pragma once

#include "dom/domain.h"
#include "guest/paging.h"

/* The slot of a table is the hypervisor's. */
static inline bool rule_reserved(const struct domain *d, int level, unsigned slot, bool carrier)
{
	if (d->paging->root_level == 4)
		return level == 4 && slot >= 256 && slot <= 271;
	return (level == 3 && slot > 3) || (level == 2 && carrier && slot >= 428);
}

/* pv32: the slot whose L2 carries the hypervisor's entries. */
static inline bool rule_wants_carrier(const struct domain *d, int level, unsigned slot)
{
	return d->paging->root_level == 3 && level == 3 && slot == 3;
}

/* A 32-bit CR3 names a PAE root, unless the guest asked for an extended one. */
static inline bool rule_root_named(const struct domain *d, int level, mfn_t table)
{
	return level != 3 || d->paging->root_level != 3 || !(table >> 20) ||
	       (d->vm_assist & 1u << VMASST_TYPE_pae_extended_cr3);
}

/* May an entry of another table of the same level stand there? Not in a root. */
static inline bool rule_linear(const struct domain *d, int level)
{
	return level == 2 || (level == 3 && d->paging->root_level == 4);
}

static inline bool rule_bits_ok(const struct domain *d, int level, uint64_t e)
{
	const uint64_t soft = 0xe00 | 0x7ffull << 52, frame_bits = 0x000ffffffffff000ull;
	uint64_t ok = frame_bits | 0x67 | soft | 1ull << 63;

	if (level == 1)
		ok |=
		    0x100 | (d->privileged ? 0x98 : 0); /* domains with devices choose how memory is cached */
	if (level == 3 && d->paging->root_level == 3)
		ok = frame_bits | 0x67 | 0xe00;
	return !(e & ~ok);
}

/* What entry @e of a table at @level reads once it is in use. */
static inline uint64_t rule_as_read(const struct domain *d, int level, uint64_t e)
{
	if (!(e & 1))
		return e;
	if (d->paging->root_level == 3)
		return level == 3 ? e | 6 : level == 1 ? e & ~0x100ull : e;
	if (level == 1)
		return (e & 4 ? e : e | 4 | 1ull << 52) & ~0x100ull;
	return e | 4 | (level == 4 ? 0x20 : 0);
}

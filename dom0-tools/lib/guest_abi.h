/* SPDX-License-Identifier: MIT */
/*
 * What a new vCPU of each kind of guest is set to. A tool of either word size builds domains of either, so the offsets
 * of vcpu_guest_context are not those of the compiler's own layout: those of both kinds are generated
 * (build/abi/compat_offsets.h), as are start_info's (dom/first_pages.c).
 */
#pragma once

#include "dom/first_memory.h"

#include <stdint.h>

struct guest_abi {
	const struct first_kind *first;
	const char *kind; /* "pv64", "pv32" */
	uint16_t kernel_cs, kernel_ds, kernel_ss;
	struct {
		uint16_t size, flags, kernel_ss, kernel_sp, cr3, vm_assist;
		uint16_t ax, bx, si, ip, cs, eflags, sp, bp, ss, es, ds, fs, gs; /* of user_regs */
		uint16_t event_callback, failsafe_callback;
	} ctx;
	uint64_t (*cr3)(uint64_t mfn); /* what CR3 holds for this root */
};

extern const struct guest_abi abi_pv64, abi_pv32;

/* Store @value as a guest long (or as @bytes bytes) at @offset of @page. */
void abi_put(const struct guest_abi *abi, void *page, unsigned offset, uint64_t value);
uint64_t abi_get(const struct guest_abi *abi, const void *page, unsigned offset);
void abi_put32(void *page, unsigned offset, uint32_t value);
void abi_put16(void *page, unsigned offset, uint16_t value);

/* SPDX-License-Identifier: MIT */
/*
 * The two layouts a domain may expect of start_info and vcpu_guest_context. A tool of either word size builds
 * domains of either, so offsets come from tables here and not from the compiler's own layout: those of pv32
 * are generated (build/abi/compat_offsets.h), those of pv64 are checked against the headers when compiling
 * for 64 bits.
 */
#pragma once

#include <stdint.h>

struct guest_abi {
	const char *kind;  /* "pv64", "pv32" */
	const char *magic; /* of start_info */
	unsigned word;     /* bytes of a guest long, and of a P2M entry */
	unsigned levels;   /* of page tables */
	uint64_t l1_flags, l2_flags, l3_flags, l4_flags;
	uint16_t kernel_cs, kernel_ds, kernel_ss;

	struct {
		uint16_t size, nr_pages, shared_info, flags, store_mfn, store_evtchn, console_mfn,
		    console_evtchn;
		uint16_t pt_base, nr_pt_frames, mfn_list, mod_start, mod_len, cmd_line, first_p2m_pfn,
		    nr_p2m_frames;
	} si;
	struct {
		uint16_t size, flags, kernel_ss, kernel_sp, cr3, vm_assist;
		uint16_t ip, cs, ip_flags, sp, ss, es, ds, fs, gs,
		    start_info; /* of user_regs; start_info: (r)si */
	} ctx;
	uint64_t (*cr3)(uint64_t mfn); /* what CR3 holds for this root */
};

extern const struct guest_abi abi_pv64, abi_pv32;

/* Store @value as a guest long (or as @bytes bytes) at @offset of @page. */
void abi_put(const struct guest_abi *abi, void *page, unsigned offset, uint64_t value);
void abi_put32(void *page, unsigned offset, uint32_t value);
void abi_put16(void *page, unsigned offset, uint16_t value);

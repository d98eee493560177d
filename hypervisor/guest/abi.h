/* SPDX-License-Identifier: MIT */
/*
 * The ABI of a guest: how large its words are, how its structures lie in memory, which addresses are its own, and how
 * it makes hypercalls. Each kind of guest has one guest_abi, and a hypercall_abi if it makes hypercalls.
 */
#pragma once

#include "lib/types.h"
#include "xlat.h" /* generated: enum xlat_struct, struct xlat */

struct vcpu;

struct guest_abi {
	uint8_t elf_class;   /* of a kernel of this kind: 2 (ELFCLASS64), 1 (ELFCLASS32) */
	bool long_mode;      /* its processor has long mode: CPUID and EFER say so, FS and GS have MSRs */
	uint16_t first_arg;  /* where in cpu_user_regs a hypercall's first argument is */
	uint32_t max_ports;  /* event channels: 4096, 1024 */
	uint32_t word_shift; /* log2 of bits in a guest long: 6, 5 */
	const struct xlat *layout; /* layout of each ABI structure, by enum xlat_struct */
	/* Selectors of the flat code segments that the hypervisor lends, and the bits of code there: what nearly
	 * all code uses. */
	uint16_t flat_cs[2];
	uint8_t flat_mode;
	/* Its frames have machine addresses of at most this many bits; 0: any. (pv32: they have entries in its M2P.) */
	unsigned addr_bits;
	gva_t low_end, high_start; /* the guest's addresses lie below the one or from the other on */
};

/* How a guest passes the arguments of a hypercall. */
struct hypercall_abi {
	/* Six argument registers or multicall words <-> arguments (@nargs of them; bit n of @wide: argument n makes two
	 * words of pv32). */
	void (*join)(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide);
	unsigned (*split)(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide);
	/* Rewind over the hypercall instruction, with these arguments: it will be executed again. */
	void (*rewind)(struct vcpu *v, unsigned nr, const uint64_t *words, unsigned n);
	/* Run *left multicall entries from *list on, until done, interrupted or something else waits. 0, -EFAULT, or 1
	 * to restart the batch where it is. */
	int (*multicall)(struct vcpu *v, gva_t *list, uint32_t *left);
};

/* Only guest addresses, none of the hypervisor's? */
static inline bool range_ok(const struct guest_abi *abi, gva_t va, uint64_t len)
{
	gva_t end = va + len;

	return end >= va && (end <= abi->low_end || va >= abi->high_start);
}

/* The same for a few words at @va. Behind the lower part comes a page that is no address at all (pv64), maps nothing
 * (fv), or that every guest may read and none write (pv32's M2P): so only their beginning is checked. */
static inline bool words_ok(const struct guest_abi *abi, gva_t va)
{
	return va < abi->low_end || va >= abi->high_start;
}

/* SPDX-License-Identifier: MIT */
/*
 * The path to guest memory (word by word: guest_words.h). All functions use the current vCPU's address
 * space (its CR3 is loaded), refuse any address outside the guest's part (range_ok), and turn a page
 * fault into -EFAULT by the exception table. Never hold a lock that a page fault could need (there is none).
 */
#pragma once

#include "cpu/percpu.h"
#include "guest/abi.h"
#include "guest/domain.h"
#include "lib/errno.h"
#include "lib/types.h"
#include "mm/guest_words.h"

/* Any size; use guest_read and guest_write. */
int guest_read_any(void *dst, gva_t src, size_t n);
int guest_write_any(gva_t dst, const void *src, size_t n);

/* *@dst = *@src, one of them the guest's. */
#define GUEST_MOVE(type, dst, src, fault)       \
	do {                                    \
		type unit_;                     \
		GUEST_LOAD(unit_, src, fault);  \
		GUEST_STORE(dst, unit_, fault); \
	} while (0)

/* A few words of a size known to the compiler: straight line, no calls. */
#define GUEST_SMALL 40
static __always_inline int guest_move_small(char *dst, const char *src, size_t n)
{
	guest_access_begin();
#pragma GCC unroll 5
	for (size_t i = 0; i + 8 <= n; i += 8)
		GUEST_MOVE(uint64_t, dst + i, src + i, fault);
	if (n & 4)
		GUEST_MOVE(uint32_t, dst + (n & ~7ul), src + (n & ~7ul), fault);
	guest_access_end();
	return 0;
fault:
	guest_access_end();
	return -EFAULT;
}

/* Copy @n bytes. 0 or -EFAULT (nothing is promised about how much was copied). */
static __always_inline int guest_read(void *dst, gva_t src, size_t n)
{
	if (!__builtin_constant_p(n) || n > GUEST_SMALL || n % 4)
		return guest_read_any(dst, src, n);
	if (unlikely(!words_ok(current->domain->abi, src)))
		return -EFAULT;
	return guest_move_small(dst, (const char *)src, n);
}

static __always_inline int guest_write(gva_t dst, const void *src, size_t n)
{
	if (!__builtin_constant_p(n) || n > GUEST_SMALL || n % 4)
		return guest_write_any(dst, src, n);
	if (unlikely(!words_ok(current->domain->abi, dst)))
		return -EFAULT;
	return guest_move_small((char *)dst, src, n);
}

/* One structure of the ABI, translated between the current guest's layout and the native 64-bit one
 * where they differ: @id is XLAT_<name>. Identical layouts cost a plain copy. */
int guest_get_xlat(void *dst, gva_t src, enum xlat_struct id);
int guest_put_xlat(gva_t dst, const void *src, enum xlat_struct id);
#define guest_get(dst, src, name)                                   \
	(current->domain->abi->layout[XLAT_##name].way == XLAT_SAME \
	     ? guest_read(dst, src, sizeof(struct name))            \
	     : guest_get_xlat(dst, src, XLAT_##name))
#define guest_put(dst, src, name) guest_put_xlat(dst, src, XLAT_##name)
/* Size of structure @name in the current guest's layout: the stride of an array of them. */
#define guest_sizeof(name) (current->domain->abi->layout[XLAT_##name].guest_size)
/* Guest "unsigned long"s and pointers: 8 or 4 bytes. */
int guest_get_word(uint64_t *dst, gva_t array, uint64_t index);
int guest_put_word(gva_t array, uint64_t index, uint64_t value);

/* Boot, once the direct map is there: write SMAP's instructions, if SMAP is used. */
void guest_access_init(void);

/* Page fault or #GP in the hypervisor at @rip: where to go on; 0: it is a bug of the hypervisor. Used by entry/. */
uint64_t ex_table_lookup(uint64_t rip);

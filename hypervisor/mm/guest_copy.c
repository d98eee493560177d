// SPDX-License-Identifier: MIT
/*
 * Guest memory is touched here and nowhere else. The guest's page tables are loaded, so its memory is simply
 * there; a page fault on one of our instructions goes on at the address that the exception table names.
 * Whatever rights the tables give to ring 0 hold: with CR0.WP a read-only page refuses our write too.
 * Locking: none.
 */
#include "mm/guest_copy.h"
#include "cpu/percpu.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/image.h"
#include "lib/string.h"

bool guest_copy_smap;

/* An entry of the exception table for label 1. */
#define ON_FAULT(label) ".pushsection .ex_table, \"a\"\n .long 1b - ., %l[" #label "] - .\n .popsection"

uint64_t ex_table_lookup(uint64_t rip)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++)
		if ((uint64_t)&e->fault + e->fault == rip)
			return (uint64_t)&e->fixup + e->fixup;
	return 0;
}

/* SMAP: guest pages only between these two (SDM 3A 4.6, "Access Rights"). */
static inline void access_begin(void)
{
	if (unlikely(guest_copy_smap))
		__asm__ volatile("stac" : : : "memory");
}

static inline void access_end(void)
{
	if (unlikely(guest_copy_smap))
		__asm__ volatile("clac" : : : "memory");
}

#define COPY_UNIT(type)                                        \
	do {                                                   \
		type unit;                                     \
		__asm__ goto("1: mov %1, %0\n" ON_FAULT(fault) \
			     : "=r"(unit)                      \
			     : "m"(*(const type *)src)         \
			     : "memory"                        \
			     : fault);                         \
		__asm__ goto("1: mov %0, %1\n" ON_FAULT(fault) \
			     :                                 \
			     : "r"(unit), "m"(*(type *)dst)    \
			     : "memory"                        \
			     : fault);                         \
		src += sizeof(type);                           \
		dst += sizeof(type);                           \
		n -= sizeof(type);                             \
	} while (0)

/* One side is the guest's; either may fault without harm. */
static int copy(char *dst, const char *src, size_t n)
{
	access_begin();
	if (n >= 128) {
		size_t words = n / 8;

		__asm__ goto("1: rep movsq\n" ON_FAULT(fault)
			     : "+D"(dst), "+S"(src), "+c"(words)
			     :
			     : "memory"
			     : fault);
		n %= 8;
	}
	while (n >= 8)
		COPY_UNIT(uint64_t);
	if (n >= 4)
		COPY_UNIT(uint32_t);
	while (n)
		COPY_UNIT(uint8_t);
	access_end();
	return 0;
fault:
	access_end();
	return -EFAULT;
}

int guest_read(void *dst, gva_t src, size_t n)
{
	if (unlikely(!range_ok(current->domain->ops, src, n)))
		return -EFAULT;
	return copy(dst, (const char *)src, n);
}

int guest_write(gva_t dst, const void *src, size_t n)
{
	if (unlikely(!range_ok(current->domain->ops, dst, n)))
		return -EFAULT;
	return copy((char *)dst, src, n);
}

/* Translate all fields of one structure; the destination was zeroed, so wider fields are zero-extended. */
static void translate(const struct xlat *x, char *native, char *guest, bool to_guest)
{
	for (unsigned i = 0; i < x->nfields; i++) {
		const struct xlat_field *f = &x->fields[i];
		size_t n = MIN(f->native_size, f->guest_size);

		if (to_guest)
			memcpy(guest + f->guest_off, native + f->native_off, n);
		else
			memcpy(native + f->native_off, guest + f->guest_off, n);
	}
}

int guest_get_xlat(void *dst, gva_t src, enum xlat_struct id)
{
	const struct xlat *x = &current->domain->ops->layout[id];
	char buf[XLAT_MAX_SIZE];

	if (x->same)
		return guest_read(dst, src, x->native_size);
	if (guest_read(buf, src, x->guest_size))
		return -EFAULT;
	memset(dst, 0, x->native_size);
	translate(x, dst, buf, false);
	return 0;
}

int guest_put_xlat(gva_t dst, const void *src, enum xlat_struct id)
{
	const struct xlat *x = &current->domain->ops->layout[id];
	char buf[XLAT_MAX_SIZE];

	if (x->same)
		return guest_write(dst, src, x->native_size);
	memset(buf, 0, x->guest_size);
	translate(x, (char *)src, buf, true);
	return guest_write(dst, buf, x->guest_size);
}

static size_t word_size(void)
{
	return 1ul << (current->domain->ops->word_shift - 3);
}

int guest_get_word(uint64_t *dst, gva_t array, uint64_t index)
{
	size_t size = word_size();

	*dst = 0;
	return guest_read(dst, array + index * size, size);
}

int guest_put_word(gva_t array, uint64_t index, uint64_t value)
{
	size_t size = word_size();

	return guest_write(array + index * size, &value, size);
}

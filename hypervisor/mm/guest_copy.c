/* SPDX-License-Identifier: MIT */
/*
 * Guest memory is touched here and by the words of guest_words.h and entry/guest_words.inc, nowhere else. The guest's
 * page tables are loaded, so its memory is simply there; after a page fault in one of these accesses, execution goes on
 * where the exception table says. The tables' rights for ring 0 apply: with CR0.WP a read-only page refuses writes.
 * Locking: none.
 */
#include "mm/guest_copy.h"
#include "cpu/features.h"
#include "cpu/percpu.h"
#include "guest/domain.h"
#include "lib/errno.h"
#include "lib/image.h"
#include "lib/string.h"
#include "mm/page.h"

#define STRING_MIN 128 /* from this size on a string instruction pays off */

void guest_access_init(void)
{
	if (!features.smap)
		return;
	for (const struct smap_site *s = smap_sites_start; s < smap_sites_end; s++) {
		uint8_t *at = paddr_to_virt(image_phys((const uint8_t *)&s->at + s->at));

		at[1] = 0x01;
		at[2] = s->last;
	}
}

uint64_t ex_table_lookup(uint64_t rip)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++)
		if ((uint64_t)&e->fault + e->fault == rip)
			return (uint64_t)&e->fixup + e->fixup;
	return 0;
}

/* One side is the guest's; either may fault without harm. */
static int copy(char *dst, const char *src, size_t n)
{
	guest_access_begin();
	if (n >= STRING_MIN) {
		size_t words = n / 8;

		__asm__ goto("1: rep movsq\n" EX_TABLE("1b", "%l[fault]")
			     : "+D"(dst), "+S"(src), "+c"(words)
			     :
			     : "memory"
			     : fault);
		n %= 8;
	}
	for (; n >= 8; n -= 8, dst += 8, src += 8)
		GUEST_MOVE(uint64_t, dst, src, fault);
	if (n) {
		if (n & 4) {
			GUEST_MOVE(uint32_t, dst, src, fault);
			dst += 4;
			src += 4;
		}
		for (n &= 3; n; n--)
			GUEST_MOVE(uint8_t, dst++, src++, fault);
	}
	guest_access_end();
	return 0;
fault:
	guest_access_end();
	return -EFAULT;
}

int guest_read_any(void *dst, gva_t src, size_t n)
{
	if (unlikely(!range_ok(current->domain->abi, src, n)))
		return -EFAULT;
	return copy(dst, (const char *)src, n);
}

int guest_write_any(gva_t dst, const void *src, size_t n)
{
	if (unlikely(!range_ok(current->domain->abi, dst, n)))
		return -EFAULT;
	return copy((char *)dst, src, n);
}

/* Fields are integers of 1, 2, 4 or 8 bytes. */
static uint64_t field_load(const char *p, unsigned size)
{
	switch (size) {
	case 8:
		return *(const uint64_t *)p;
	case 4:
		return *(const uint32_t *)p;
	case 2:
		return *(const uint16_t *)p;
	default:
		return *(const uint8_t *)p;
	}
}

static void field_store(char *p, unsigned size, uint64_t value)
{
	switch (size) {
	case 8:
		*(uint64_t *)p = value;
		break;
	case 4:
		*(uint32_t *)p = value;
		break;
	case 2:
		*(uint16_t *)p = value;
		break;
	default:
		*(uint8_t *)p = value;
	}
}

/* A structure of a few words, each a field, needs no copy in between. */
static int get_words(char *dst, gva_t src, const struct xlat *x)
{
	const struct xlat_field *f = x->fields, *end = f + x->nfields;

	if (unlikely(!words_ok(current->domain->abi, src)))
		return -EFAULT;
	guest_access_begin();
	do {
		uint32_t word;

		GUEST_LOAD(word, src, fault);
		if (f->native_size == 8)
			*(uint64_t *)(dst + f->native_off) = word;
		else
			*(uint32_t *)(dst + f->native_off) = word;
		src += 4;
	} while (++f < end);
	guest_access_end();
	return 0;
fault:
	guest_access_end();
	return -EFAULT;
}

static __attribute__((noinline)) int get_fields(char *dst, gva_t src, const struct xlat *x)
{
	char buf[XLAT_MAX_SIZE];

	if (guest_read(buf, src, x->guest_size))
		return -EFAULT;
	for (const struct xlat_field *f = x->fields, *end = f + x->nfields; f < end; f++)
		field_store(dst + f->native_off, f->native_size,
			    field_load(buf + f->guest_off, f->guest_size));
	return 0;
}

int guest_get_xlat(void *dst, gva_t src, enum xlat_struct id)
{
	const struct xlat *x = &current->domain->abi->layout[id];

	if (x->way == XLAT_SAME)
		return guest_read(dst, src, x->native_size);
	return x->way == XLAT_BY_WORD ? get_words(dst, src, x) : get_fields(dst, src, x);
}

int guest_put_xlat(gva_t dst, const void *src, enum xlat_struct id)
{
	const struct xlat *x = &current->domain->abi->layout[id];
	char buf[XLAT_MAX_SIZE];

	if (x->way == XLAT_SAME)
		return guest_write(dst, src, x->native_size);
	memset(buf, 0, x->guest_size);
	for (const struct xlat_field *f = x->fields, *end = f + x->nfields; f < end; f++)
		field_store(buf + f->guest_off, f->guest_size,
			    field_load((const char *)src + f->native_off, f->native_size));
	return guest_write(dst, buf, x->guest_size);
}

static size_t word_size(void)
{
	return 1ul << (current->domain->abi->word_shift - 3);
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

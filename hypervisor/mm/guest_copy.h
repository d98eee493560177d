/* SPDX-License-Identifier: MIT */
/*
 * The sole path to guest memory. All functions use the current vCPU's address space (its CR3 is loaded),
 * refuse any address outside the guest's part (ops->range_ok), and turn a page fault into -EFAULT by the
 * exception table. Never call them with a lock held that a page fault could need (there is none).
 */
#pragma once

#include "dom/guest_ops.h"
#include "lib/types.h"

/* Copy @n bytes. 0 or -EFAULT (nothing is promised about how much was copied). */
int guest_read(void *dst, gva_t src, size_t n);
int guest_write(gva_t dst, const void *src, size_t n);

/* One structure of the ABI, translated between the current guest's layout and ours (the native 64-bit one)
 * where they differ: @id is XLAT_<name>. Identical layouts cost a plain copy. */
int guest_get_xlat(void *dst, gva_t src, enum xlat_struct id);
int guest_put_xlat(gva_t dst, const void *src, enum xlat_struct id);
#define guest_get(dst, src, name) guest_get_xlat(dst, src, XLAT_##name)
#define guest_put(dst, src, name) guest_put_xlat(dst, src, XLAT_##name)
/* Size of structure @name in the current guest's layout: the stride of an array of them. */
#define guest_sizeof(name) (current->domain->ops->layout[XLAT_##name].guest_size)
/* Guest "unsigned long"s and pointers: 8 or 4 bytes. */
int guest_get_word(uint64_t *dst, gva_t array, uint64_t index);
int guest_put_word(gva_t array, uint64_t index, uint64_t value);

/* Page fault or #GP in the hypervisor at @rip: where to go on; 0: it was our own bug. Used by entry/. */
uint64_t ex_table_lookup(uint64_t rip);
/* CR4.SMAP is on for some guests: guest memory is opened by STAC around each copy. */
extern bool guest_copy_smap;

/* SPDX-License-Identifier: MIT */
/* Reading a PV guest's memory by its virtual addresses, through its page tables, whatever they say. */
#pragma once

#include "hv.h"

#include <stdbool.h>
#include <stdint.h>

struct peek {
	struct hv *hv;
	unsigned domain;
	unsigned word; /* bytes: 8 in a pv64, 4 in a pv32 */
	uint64_t root; /* frame of the page tables' root */
	/* The page that was read last: */
	uint64_t page;
	const uint8_t *at; /* NULL: there is none */
};

/* The word at @va, which is a multiple of its size. False: nothing can be read there. */
bool peek_word(struct peek *p, uint64_t va, uint64_t *out);
/* Let go of the guest's memory. */
void peek_end(struct peek *p);

/* SPDX-License-Identifier: MIT */
/* a * b / c with a 128-bit product, in two instructions: the compiler would call a library that is not here. */
#pragma once

#include "lib/types.h"

/* The quotient must fit 64 bits (SDM 2A, DIV: it faults otherwise). */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t low, high, quotient, rest;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(a), "rm"(b) : "cc");
	__asm__("divq %4" : "=a"(quotient), "=d"(rest) : "a"(low), "d"(high), "rm"(c) : "cc");
	return quotient;
}

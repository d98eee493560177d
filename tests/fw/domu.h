/* SPDX-License-Identifier: MIT */
/*
 * What the tests of an ordinary domain (attack-domu-*) and the domain beside them (domu-victim) agree on. Neither knows
 * the other's number beforehand: the victim makes its offers to every number below VICTIM_OFFERS, to each one of its own.
 */
#pragma once

#include "fw.h"

#define VICTIM_OFFERS         48
#define VICTIM_TABLE_REF(id)  (16 + (id))  /* read-only: a live L1 table of the victim's */
#define VICTIM_DATA_REF(id)   (80 + (id))  /* read-only: a page of VICTIM_PATTERN */
#define VICTIM_SHARED_REF(id) (144 + (id)) /* a page to be written */
#define VICTIM_PATTERN        0x5ac0ffeeul

/* The victim's number, from our command line. */
static inline domid_t victim_domid(void)
{
	return option("victim=", 0);
}

/* A result that is an error, whichever. */
#define check_refused(expr)                                                                            \
	do {                                                                                           \
		long refused_ = (long)(expr);                                                          \
		if (refused_ >= 0)                                                                     \
			failure("%s:%d: %s is %ld: not refused", __FILE__, __LINE__, #expr, refused_); \
	} while (0)

/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's work costs, counted where its loops are: a unit is a name looked up, a node copied, freed or
 * counted, a connection or watch asked whether a change concerns it. So clients bear the cost of what they ask for
 * (round.c), and tests see what a request costs without a clock.
 */
#pragma once

#include <stdint.h>

extern uint64_t store_work;

static inline void work(uint64_t units)
{
	store_work += units;
}

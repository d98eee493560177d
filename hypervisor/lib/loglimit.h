/* SPDX-License-Identifier: MIT */
/*
 * Rates of log lines: a bucket that holds `burst` lines and is refilled by one in `per_line` nanoseconds. A bucket
 * of zeros is full. Locking: each has its own lock, held for nothing else.
 */
#pragma once

#include "lib/spinlock.h"

struct log_rate {
	uint64_t per_line; /* ns; 0: no limit */
	uint32_t burst;
};

struct log_limit {
	struct spinlock lock;
	uint64_t used, at; /* ns: what is taken from the bucket, and when that was so */
	uint32_t left_out; /* lines refused since the last report */
};

/* Take @lines from the bucket if it is not empty, even more than it holds. False: it is empty, and they are counted
 * as left out. Before there is a clock (log_set_clock) nothing is refused. */
bool log_limit_take(struct log_limit *l, struct log_rate rate, uint32_t lines);
/* One more was refused, elsewhere. */
void log_limit_refuse(struct log_limit *l);
/* How many were left out since the last call. */
uint32_t log_limit_told(struct log_limit *l);
/* From here on rates are limited, by the clock @ns in nanoseconds. */
void log_set_clock(uint64_t (*ns)(void));

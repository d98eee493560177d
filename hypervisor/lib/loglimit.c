/* SPDX-License-Identifier: MIT */
/* See loglimit.h. */
#include "lib/loglimit.h"

static uint64_t (*log_clock_ns)(void);

static bool take(struct log_limit *l, struct log_rate rate, uint32_t lines, uint64_t now)
{
	uint64_t passed = now - l->at;

	l->used -= MIN(l->used, passed);
	l->at = now;
	if (l->used + rate.per_line > rate.burst * rate.per_line) {
		__atomic_fetch_add(&l->left_out, lines, __ATOMIC_RELAXED);
		return false;
	}
	l->used += lines * rate.per_line;
	return true;
}

bool log_limit_take(struct log_limit *l, struct log_rate rate, uint32_t lines)
{
	bool ok;

	if (!log_clock_ns || !rate.per_line)
		return true;
	spin_lock(&l->lock);
	ok = take(l, rate, lines, log_clock_ns());
	spin_unlock(&l->lock);
	return ok;
}

void log_limit_refuse(struct log_limit *l)
{
	__atomic_fetch_add(&l->left_out, 1, __ATOMIC_RELAXED);
}

uint32_t log_limit_told(struct log_limit *l)
{
	return __atomic_exchange_n(&l->left_out, 0, __ATOMIC_RELAXED);
}

void log_set_clock(uint64_t (*ns)(void))
{
	__atomic_store_n(&log_clock_ns, ns, __ATOMIC_RELEASE);
}

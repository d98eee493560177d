/* SPDX-License-Identifier: MIT */
/*
 * frame_info, wrong on purpose: the linker puts this in the place of the handler (ld's --wrap). A test that is worth its
 * name fails on each of the mutants.
 */
#include "guest/domain.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "ringlet/frame_info.h"

enum {
	silent,
	careless,
	forgiving,
	monotonous
};

long __real_hc_frame_info(uint64_t mfn, uint64_t info);
long __wrap_hc_frame_info(uint64_t mfn, uint64_t info);

long __wrap_hc_frame_info(uint64_t mfn, uint64_t info)
{
	long rc = MUTANT == silent ? 0 : __real_hc_frame_info(mfn, info);

	if (MUTANT == careless && rc == -EINVAL)
		return 0;
	if (MUTANT == forgiving && rc == -EFAULT)
		return 0;
	if (MUTANT == monotonous && rc == 0) {
		struct ringlet_frame_info same = {RINGLET_FRAME_writable, 1, 2, 0};

		return guest_write(info, &same, sizeof(same));
	}
	return rc;
}

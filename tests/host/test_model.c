/* SPDX-License-Identifier: MIT */
/*
 * Specification: the frame table against a model of it (frame_model.h). A guest of each kind does millions of random
 * things: takes and gives back memory, stores to what it may map writable, pins, unpins, changes entries at all
 * levels, linear ones among them, loads roots, uses frames as descriptor tables; another domain maps and
 * unmaps its frames meanwhile; domains end and start again. All the while promotions and demotions stop at random
 * points; some are gone on with at once, as a restarted hypercall does, some when another operation happens to meet
 * them, some never.
 *
 * Of each operation the model predicts the result. Every so often all counts are worked out from the model and
 * compared with the frame table's.
 *
 * SEED and STEPS in the environment; a failing run prints its seed.
 */
#include "model_ops.h"

#include <stdlib.h>

static void life(const struct guest_kind *kind, unsigned steps)
{
	uint64_t before = frames_free();

	model_begin(kind);
	for (unsigned i = 0; i < steps; i++) {
		model_step();
		if (i % 16 == 0)
			model_compare();
	}
	model_end();
	assert_int_equal(frames_free(), before);
}

static void lives(const struct guest_kind *kind)
{
	const char *seed = getenv("SEED"), *steps = getenv("STEPS");
	unsigned all = steps ? atoi(steps) : 300000, left = all;

	random_state = (seed ? strtoull(seed, NULL, 0) : 1) * 0x9e3779b97f4a7c15ull | 1;
	model_stops = 0;
	print_message("# SEED=%s STEPS=%u\n", seed ? seed : "1", left);
	while (left) {
		unsigned n = MIN(left, 20000u);

		life(kind, n);
		left -= n;
	}
	print_message("# %u tables stopped on their way\n", model_stops);
	assert_true(model_stops > all / 200); /* or these were no trees */
}

static void model_pv64(void **state)
{
	lives(&host_pv64);
}

static void model_pv32(void **state)
{
	lives(&host_pv32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(model_pv64),
	    cmocka_unit_test(model_pv32),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

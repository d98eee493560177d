/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of the frame table: the input is the operations of a guest and of another domain (model_ops.h), its first
 * byte the kind. The frame model says of each what it must come to; all counts are compared after each, and nothing
 * may be left at the end.
 */
#include "input.h"
#include "model_ops.h"

#include <stdlib.h>

#define STEPS_MAX 600

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	host_init();
	model_random = input_below;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_begin(data, size);
	host_random_seed(1);
	model_begin(input_below(2) ? &host_pv32 : &host_pv64);
	for (unsigned i = 0; i < STEPS_MAX && !input_ended(); i++) {
		model_step();
		model_compare();
	}
	model_end();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* store: what `rl store` is in Dom0, for guests. */
#include "err.h"
#include "storecmd.h"

int main(int argc, char **argv)
{
	fail_program("store");
	return store_command(argc - 1, argv + 1);
}

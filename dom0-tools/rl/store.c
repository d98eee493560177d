/* SPDX-License-Identifier: MIT */
/* rl store. */
#include "verbs.h"
#include "storecmd.h"

static int do_store(int argc, char **argv)
{
	return store_command(argc - 1, argv + 1);
}

const struct verb verbs_store[] = {
    {.name = "store",
     .args = "ls|list|read|write|rm|watch|chmod|list-perms ...",
     .summary = "look at the store, and change it",
     .text = store_help,
     .run = do_store},
    {0},
};

/* SPDX-License-Identifier: MIT */
/* The store from the command line: `rl store` in Dom0, `store` in a guest. */
#pragma once

/* What may follow `store`, one line each. */
extern const char store_help[];
/* argv[0] is "read", "ls" ...: exit code 0, 1 failed, 2 wrong usage; reported. */
int store_command(int argc, char **argv);

/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of what the tools read from files: kernel images (what begins like ELF) and configurations,
 * which must come back the same after writing and reading again. Built with clang's libFuzzer; the test runs
 * it for a fixed number of inputs, starting from a real kernel and a real configuration.
 */
#include "cfg.h"
#include "err.h"
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fail_quiet(true);
	return 0;
}

static void read_config(const char *text, size_t size)
{
	struct cfg cfg = {0}, again = {0};
	char *written = NULL;
	size_t len;
	FILE *out;

	if (!cfg_parse(&cfg, "fuzz", text, size)) {
		out = open_memstream(&written, &len);
		cfg_write(&cfg, out);
		fclose(out);
		if (cfg_parse(&again, "again", written, len) || again.count != cfg.count)
			abort();
		free(written);
	}
	cfg_free(&cfg);
	cfg_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel kernel;

	if (size > 4 && !memcmp(data, "\177ELF", 4))
		kernel_parse(&kernel, "fuzz", data, size);
	else
		read_config((const char *)data, size);
	return 0;
}

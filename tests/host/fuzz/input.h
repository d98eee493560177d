/* SPDX-License-Identifier: MIT */
/* A fuzzer's input as a row of small decisions. At its end all are 0, and input_ended() is true. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static struct {
	const uint8_t *at, *end;
} input;

static inline void input_begin(const uint8_t *data, size_t size)
{
	input.at = data;
	input.end = data + size;
}

static inline bool input_ended(void)
{
	return input.at == input.end;
}

/* A number below @n: one byte if that will do, else two. */
static inline uint32_t input_below(uint32_t n)
{
	uint32_t v = 0;

	for (uint32_t reach = 1; reach < n; reach <<= 8)
		v = v << 8 | (input_ended() ? 0 : *input.at++);
	return v % n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

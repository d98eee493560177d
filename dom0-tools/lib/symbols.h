/* SPDX-License-Identifier: MIT */
/*
 * Names for the addresses of a guest's kernel, from the symbol table of its file (System V ABI, 4. Symbol Table). The file may
 * hold anything: sizes of symbols are not used, and what a name has that does not print is replaced.
 */
#pragma once

#include "dom/elf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOLS_TEXTS 16      /* sections with code that are looked at */
#define SYMBOLS_MAX   500000u /* a longer table is refused: Linux has about 200,000 */
#define SYMBOL_NAME   64

struct symbols {
	uint8_t *file; /* freed by symbols_free() */
	struct elf elf;
	struct elf_part part[2]; /* symbols and their names */
	struct {
		uint64_t start, size;
	} text[SYMBOLS_TEXTS];
	unsigned texts;
};

/* From @data, which stays the caller's. NULL, or a sentence about what is wrong. */
const char *symbols_open(struct symbols *s, const uint8_t *data, size_t size);
/* From a file, plain or packed. NULL, or the sentence (static storage); then @s holds nothing. */
const char *symbols_load(struct symbols *s, const char *path);
void symbols_free(struct symbols *s);

/* Does it lie in the kernel's code? */
bool symbols_in_text(const struct symbols *s, uint64_t address);
/* The function or label at or before @address, in the same section. False: none has a name. */
bool symbols_find(const struct symbols *s, uint64_t address, char name[SYMBOL_NAME], uint64_t *start);

/* SPDX-License-Identifier: MIT */
/*
 * Images in a folder of their own, made, checked and compared by qemu-img, and a twin in memory that says what must be in one.
 */
#pragma once

#include "qcow2.h"

#include <stdbool.h>
#include <stdint.h>

struct twin {
	struct image *image;
	const char *name; /* in the folder */
	uint8_t *bytes;
	uint64_t sectors;
	uint64_t seed;
};

void disks_make_folder(void);
void disks_remove_folder(void);
/* The path of a file in the folder; the last four stay valid. */
const char *disks_path(const char *name);
/* Run a command in the folder; its exit status. What it prints is kept for disks_said(). */
int disks_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, which must succeed. */
void disks_must(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *disks_said(void);

/* Open it, which must work; or must not, with a sentence that has @words in it. */
struct image *disks_open(const char *name, bool readonly);
void disks_refused(const char *name, bool readonly, const char *words);

uint64_t disks_random(uint64_t *seed);
/* @count random operations on image and twin: reads that must be right, writes, discards, flushes. Errors fail the test. */
void twin_work(struct twin *t, unsigned count);
/* All that is in the image is in the twin. */
void twin_same(struct twin *t);
/* qemu-img finds nothing wrong in the image, closed before, and the same data as in the twin. */
void twin_check(struct twin *t);

/* SPDX-License-Identifier: MIT */
/*
 * The kept output of one console: a file used as a ring, with one writer (rl-consoled) and any number of readers, which
 * only read. The header tells how many bytes were ever written, and where in the domain's ring the last one was, so
 * that a writer that is killed and restarted takes no byte twice; byte n is at n modulo the size. The writer stores
 * bytes first and then the header, at most CONLOG_CHUNK bytes at a time, so all except the oldest CONLOG_CHUNK bytes
 * are safe to read at any moment.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONLOG_SIZE  (64 * 1024)
#define CONLOG_CHUNK 4096

struct conlog {
	int fd;
	uint64_t at;   /* writer: bytes ever written. reader: bytes read or lost */
	uint32_t cons; /* writer: position in the domain's ring; counts with each byte, and is kept with it */
};

/* For the writer: new and empty, or an earlier writer's, to append to. -errno. */
int conlog_create(struct conlog *log, const char *path);
int conlog_append(struct conlog *log, const void *data, size_t len);

/* For a reader, at the oldest byte kept. -errno. */
int conlog_open(struct conlog *log, const char *path);
/* What is new, up to @max bytes; 0: nothing now. Bytes overwritten meanwhile are skipped. */
ssize_t conlog_read(struct conlog *log, void *data, size_t max);
void conlog_close(struct conlog *log);

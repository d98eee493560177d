/* SPDX-License-Identifier: MIT */
/* Small helpers over files and words that every tool needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole of @path in malloc()ed memory (a zero byte behind it), or NULL and a report. @max guards memory.
 */
char *file_read(const char *path, size_t max, size_t *len);
/* The same, without a report: for files that may be missing. */
char *file_read_quiet(const char *path, size_t max, size_t *len);
/* The same for the open file @fd, perhaps a pipe. NULL: *rc is an errno; EFBIG if there is more than @max. */
char *fd_read(int fd, size_t max, size_t *len, int *rc);
/* Replace @path by @text so that readers see either the old or the new one. 0, or -errno. */
int file_write(const char *path, const char *text);
#define FILE_WRITE_TEMP ".new" /* in the name of what it has not finished; a number follows */
/* mkdir -p. 0, or -errno. */
int make_dirs(const char *path);

/* Where the host has the file @path (perhaps relative), if it is below /host, and the kernel's command line says which of the
 * host's folders that is (host=, scripts/run-qemu). False: not there, or unknown. */
bool host_path(const char *path, char *out, size_t size);

/* The entry of @words (ends with NULL) closest to @word, itself if it is there, NULL if none is close. */
const char *nearest(const char *word, const char *const *words);

/* Does a process of this name run, as /proc/ID/comm has it (15 characters at most)? */
bool process_runs(const char *name);

/* Monotonic milliseconds. */
uint64_t now_ns(void);
uint64_t now_ms(void);
void sleep_ms(unsigned ms);

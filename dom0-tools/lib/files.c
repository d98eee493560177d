/* SPDX-License-Identifier: MIT */
/* See files.h. */
#include "files.h"
#include "err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Reads to the end rather than trusting st_size, which is 0 for files the kernel makes up. */
char *fd_read(int fd, size_t max, size_t *len, int *rc)
{
	struct stat st;
	size_t room = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
	char *text = malloc(room + 1);
	size_t have = 0;

	*rc = ENOMEM;
	while (text) {
		ssize_t got = read(fd, text + have, room - have);

		if (got == 0)
			break;
		if (got < 0 || have + (size_t)got > max) {
			*rc = got < 0 ? errno : EFBIG;
			free(text);
			return NULL;
		}
		have += got;
		if (have == room) {
			char *grown = realloc(text, room * 2 + 1);

			if (!grown)
				free(text);
			text = grown;
			room *= 2;
		}
	}
	if (text)
		text[have] = '\0';
	*len = have;
	return text;
}

static char *read_file(const char *path, size_t max, size_t *len, int *rc)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	*len = 0;
	if (fd < 0) {
		*rc = errno;
		return NULL;
	}
	text = fd_read(fd, max, len, rc);
	close(fd);
	return text;
}

char *file_read(const char *path, size_t max, size_t *len)
{
	int rc;
	char *text = read_file(path, max, len, &rc);

	if (text)
		return text;
	if (rc == EFBIG)
		fail("%s: larger than the %zu KiB allowed here; check the name", path, max / 1024);
	else if (rc == ENOENT)
		fail("%s: no such file; check the path (it is looked up in Dom0's file system)", path);
	else
		fail_errno(rc, "%s: cannot read", path);
	return NULL;
}

char *file_read_quiet(const char *path, size_t max, size_t *len)
{
	int rc;

	return read_file(path, max, len, &rc);
}

int file_write(const char *path, const char *text)
{
	char temp[PATH_MAX];
	size_t len = strlen(text);
	int fd, rc = 0;

	/* A name of this process's own: of two writers the last one wins, with all that it wrote. */
	snprintf(temp, sizeof(temp), "%s" FILE_WRITE_TEMP "%d", path, (int)getpid());
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		rc = -ENOSPC;
	close(fd);
	if (!rc && rename(temp, path) < 0)
		rc = -errno;
	if (rc)
		unlink(temp);
	return rc;
}

int make_dirs(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		const char *stop = strchr(slash + 1, '/');
		size_t len = stop ? (size_t)(stop - path) : strlen(path);

		if (len >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Is the host's folder mounted? Otherwise /host is a folder like others. */
static bool host_is_there(void)
{
	size_t len;
	char *mounts = file_read_quiet("/proc/mounts", 65536, &len);
	bool there = mounts && strstr(mounts, " /host 9p ");

	free(mounts);
	return there;
}

bool host_path(const char *path, char *out, size_t size)
{
	char whole[PATH_MAX], *words, *folder = NULL, *rest = NULL;
	size_t len;

	if (!realpath(path, whole) || strncmp(whole, "/host/", 6) || !host_is_there())
		return false;
	words = file_read_quiet("/proc/cmdline", 4096, &len);
	for (char *word = words ? strtok_r(words, " \n", &rest) : NULL; word && !folder;
	     word = strtok_r(NULL, " \n", &rest))
		if (!strncmp(word, "host=/", 6))
			folder = word + 5;
	if (folder)
		snprintf(out, size, "%s%s", folder, whole + 5);
	free(words);
	return folder;
}

/* Levenshtein's distance, with one row of the table. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	unsigned row[64];

	if (n >= 64)
		return UINT_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned above = row[j];
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);
			unsigned step = (above < row[j - 1] ? above : row[j - 1]) + 1;

			row[j] = change < step ? change : step;
			diagonal = above;
		}
	}
	return row[n];
}

const char *nearest(const char *word, const char *const *words)
{
	const char *best = NULL;
	unsigned least = strlen(word) < 4 ? 2 : 3; /* at most 1 or 2 letters away */

	for (; *words; words++) {
		unsigned d = distance(word, *words);

		if (d < least) {
			least = d;
			best = *words;
		}
	}
	return best;
}

bool process_runs(const char *name)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	char path[300], *comm;
	size_t len, n = strlen(name);
	bool runs = false;

	while (all && !runs && (entry = readdir(all))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm =
		    *entry->d_name >= '1' && *entry->d_name <= '9' ? file_read_quiet(path, 64, &len) : NULL;
		runs = comm && len == n + 1 && !strncmp(comm, name, n);
		free(comm);
	}
	if (all)
		closedir(all);
	return runs;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

void sleep_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

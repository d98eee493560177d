/* SPDX-License-Identifier: MIT */
/*
 * A job like a compiler's: for each source a process that executes a program, which reads the source, splits it into
 * words, looks names up in a table and writes what it found; at the end one more process reads all results.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "cost.h"

#define SOURCES  8
#define SIZE     16384
#define BUCKETS  1024
#define DIR_PATH "/tmp/cost.job"

static char text[SIZE];
static uint32_t table[BUCKETS];

static void path_of(char *path, size_t size, int i, char kind)
{
	snprintf(path, size, DIR_PATH "/%d.%c", i, kind);
}

static size_t load(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	REQUIRE(n >= 0);
	close(fd);
	return n;
}

static void store(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	REQUIRE(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	close(fd);
}

/* Words of a small language: the same text every time. */
static void make_sources(void)
{
	uint32_t seed = 12345;
	char path[64];

	REQUIRE(mkdir(DIR_PATH, 0700) == 0);
	for (int i = 0; i < SOURCES; i++) {
		for (int at = 0; at < SIZE; at++) {
			seed = seed * 1103515245u + 12345u;
			text[at] = seed >> 16 & 7 ? 'a' + (seed >> 20) % 26 : ' ';
		}
		path_of(path, sizeof(path), i, 'c');
		store(path, text, SIZE);
	}
}

static void remove_all(void)
{
	char path[64];

	for (int i = 0; i <= SOURCES; i++) {
		path_of(path, sizeof(path), i, 'c');
		unlink(path);
		path_of(path, sizeof(path), i, 'o');
		unlink(path);
	}
	rmdir(DIR_PATH);
}

int job_compile(const char *source, const char *object)
{
	size_t n = load(source);
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < n; i++) {
		if (text[i] != ' ') {
			hash = (hash ^ (uint8_t)text[i]) * 16777619u;
			continue;
		}
		table[hash % BUCKETS] += hash;
		hash = 2166136261u;
	}
	store(object, table, sizeof(table));
	return 0;
}

static void compile(int i)
{
	char source[64], object[64];
	int status;
	pid_t pid = fork();

	if (!pid) {
		path_of(source, sizeof(source), i, 'c');
		path_of(object, sizeof(object), i, 'o');
		execl(COST_PATH, "cost", "--compile", source, object, NULL);
		_exit(1);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

/* What all of them found together is the last source. */
static void link_objects(void)
{
	static char image[SIZE];
	char path[64];

	for (int i = 0; i < SOURCES; i++) {
		path_of(path, sizeof(path), i, 'o');
		for (size_t at = load(path); at--;)
			image[at] += text[at];
	}
	path_of(path, sizeof(path), SOURCES, 'c');
	store(path, image, sizeof(table));
	compile(SOURCES);
}

static void whole_job(unsigned rounds)
{
	while (rounds--) {
		for (int i = 0; i < SOURCES; i++)
			compile(i);
		link_objects();
	}
}

const struct workload job[] = {
    {"compile_job", 1, 15, 1, make_sources, NULL, whole_job, remove_all},
    {0},
};

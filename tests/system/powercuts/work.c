/* SPDX-License-Identifier: MIT */
/*
 * Work in a file system whose power will be cut (tests/system/powercuts.py): work FOLDER DISK SECTOR ROUNDS SEED. After each
 * fsync() or fdatasync() that has returned, or write to a file with O_DSYNC, a mark goes to the sectors of DISK from SECTOR on, which
 * belong to no file system: what is there for certain now.
 *
 *	log       only grows; a mark says how long it is. Byte n is a hash of n
 *	table     16 pages, written in place; a mark says which version of one is there
 *	replaced  4 files that change by rename() over an old one; always whole, and never older than its mark
 *	comes     4 files that are made and deleted: have, going (before it is deleted), gone
 *	noise     directories and files that are made, cut short and deleted with no sync at all
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind {
	LOG,
	TABLE,
	REPLACED,
	HAVE,
	GOING,
	GONE
};

static struct mark {
	char magic[8];
	uint32_t number, kind, which, version, size;
	char rest[512 - 28];
} mark = {.magic = "Ringlet!"};

static uint64_t seed;
static int disk, folder;
static off_t marks;
static uint32_t version, length;
static uint8_t data[300 * 1024];

static unsigned any(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void must(int so, const char *what)
{
	if (so)
		return;
	perror(what);
	exit(1);
}

static void say(enum kind kind, unsigned which, unsigned size)
{
	mark.number++;
	mark.kind = kind;
	mark.which = which;
	mark.version = version;
	mark.size = size;
	must(pwrite(disk, &mark, sizeof(mark), marks + mark.number % 64 * 512) == 512, "mark");
}

/* Words that tell which file, version and place they belong to. */
static void fill(unsigned which, unsigned size)
{
	for (unsigned i = 0; i < size; i += 8) {
		uint64_t word = (uint64_t)which << 56 | (uint64_t)version << 24 | i / 8;

		memcpy(data + i, &word, 8);
	}
}

static void grow_log(void)
{
	int how = any(3), fd = open("log", O_WRONLY | O_CREAT | O_APPEND | (how ? 0 : O_DSYNC), 0644);
	unsigned more = 1 + any(any(4) ? 3000 : 60000);

	for (unsigned i = 0; i < more; i++)
		data[i] = (length + i) * 2654435761u >> 24;
	must(fd >= 0 && write(fd, data, more) == (ssize_t)more, "log");
	must(!how || !(how == 1 ? fsync(fd) : fdatasync(fd)), "sync of log");
	close(fd);
	length += more;
	if (length == more)
		must(!fsync(folder), "sync of the folder");
	say(LOG, 0, length);
}

static void write_table(void)
{
	int fd = open("table", O_WRONLY | O_CREAT, 0644);
	unsigned which = any(16);

	fill(16 + which, 4096);
	must(fd >= 0 && pwrite(fd, data, 4096, which * 4096) == 4096 && !fdatasync(fd), "table");
	close(fd);
	must(!fsync(folder), "sync of the folder");
	say(TABLE, which, 4096);
}

static unsigned make(const char *name, unsigned which, int synced)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	unsigned size = 8 * (1 + any(any(3) ? 2000 : 37000));

	fill(which, size);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size && (!synced || !fsync(fd)), name);
	close(fd);
	return size;
}

static void replace(void)
{
	unsigned which = any(4), size = make("new", 32 + which, 1);
	char name[] = "replaced0";

	name[8] += which;
	must(!rename("new", name) && !fsync(folder), "rename");
	say(REPLACED, which, size);
}

static void come_or_go(void)
{
	unsigned which = any(4), size;
	char name[] = "comes0";

	name[5] += which;
	if (access(name, F_OK)) {
		size = make(name, 48 + which, 1);
		must(!fsync(folder), "sync of the folder");
		say(HAVE, which, size);
		return;
	}
	say(GOING, which, 0);
	must(!unlink(name) && !fsync(folder), "unlink");
	say(GONE, which, 0);
}

static void make_noise(void)
{
	char name[32], in[64];

	snprintf(name, sizeof(name), "noise%u", any(6));
	snprintf(in, sizeof(in), "%s/%u", name, any(4));
	switch (any(6)) {
	case 0:
		mkdir(name, 0755);
		break;
	case 1:
		rmdir(name);
		break;
	case 2:
		unlink(in);
		break;
	case 3:
		truncate(in, any(20000));
		break;
	default:
		if (!access(name, F_OK))
			make(in, 99, 0);
	}
}

int main(int argc, char **argv)
{
	unsigned rounds;

	must(argc == 6 && !chdir(argv[1]), "arguments");
	disk = open(argv[2], O_WRONLY | O_DSYNC);
	folder = open(".", O_RDONLY | O_DIRECTORY);
	must(disk >= 0 && folder >= 0, argv[2]);
	marks = strtoul(argv[3], NULL, 10) * 512l;
	rounds = strtoul(argv[4], NULL, 10);
	seed = strtoul(argv[5], NULL, 10) * 2654435761u + 1;
	while (rounds--) {
		void (*const ways[])(void) = {grow_log,   write_table, replace,   come_or_go,
					      make_noise, make_noise,  make_noise};

		version++;
		ways[any(7)]();
	}
	printf("%u marks\n", mark.number);
	return 0;
}

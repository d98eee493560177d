/* SPDX-License-Identifier: MIT */
/* Attacks by files, directories and names. */
#include "attack.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>

#define DEEP 300

static void make_files(const char *prefix, int count)
{
	char path[64];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/tmp/%s%d", prefix, i);
		close(open(path, O_CREAT | O_WRONLY, 0644));
	}
}

/* Directories of which nothing is left but that a process stands in the lowest are still directories, one above the
 * other, in which nothing can be made. */
static void removed_directories(void)
{
	static char path[2 * DEEP + 8] = "/tmp";
	struct stat st;

	GRANTED(chdir("/tmp"));
	for (int i = 0; i < DEEP; i++) {
		strcat(path, "/d");
		GRANTED(mkdir("d", 0755));
		GRANTED(chdir("d"));
	}
	for (; strcmp(path, "/tmp"); path[strlen(path) - 2] = 0)
		GRANTED(rmdir(path));
	GRANTED(chdir("/tmp")); /* the last user of all of them */
	GRANTED(mkdir("/tmp/a", 0755));
	GRANTED(mkdir("/tmp/a/b", 0755));
	GRANTED(mkdir("/tmp/a/b/c", 0755));
	GRANTED(chdir("/tmp/a/b/c"));
	GRANTED(rmdir("/tmp/a/b/c"));
	GRANTED(rmdir("/tmp/a/b"));
	GRANTED(rmdir("/tmp/a"));
	make_files("reuse", 200);
	for (int i = 0; i < 2; i++) {
		GRANTED(stat(i ? "../.." : "..", &st));
		if (!S_ISDIR(st.st_mode) || st.st_nlink)
			wrong("above a removed directory: mode %o, %d links", st.st_mode, (int)st.st_nlink);
	}
	REFUSED(mkdir("../x", 0755), ENOENT);
	REFUSED(open("../x", O_CREAT | O_WRONLY, 0644), ENOENT);
	REFUSED(symlink("x", "../../x"), ENOENT);
	REFUSED(rename("/tmp/reuse0", "../x"), ENOENT);
	REFUSED(link("/tmp/reuse0", "x"), ENOENT);
	GRANTED(chdir("../../.."));
	GRANTED(stat("reuse0", &st));
}

/* No way leads to a name that is longer than names may be. */
static void long_names(void)
{
	static char longest[NAME_MAX + 1], longer[4000], path[PATH_MAX];
	char small[4];

	memset(longest, 'n', NAME_MAX);
	memset(longer, 'n', sizeof(longer) - 1);
	GRANTED(mkdir("/tmp/names", 0755));
	GRANTED(chdir("/tmp/names"));
	GRANTED(mkdir("dir", 0755));
	GRANTED(close(GRANTED(open("file", O_CREAT | O_WRONLY, 0644))));
	for (size_t len = NAME_MAX + 1; len < sizeof(longer); len += 1200) {
		longer[len] = 0;
		REFUSED(rename("dir", longer), ENAMETOOLONG);
		REFUSED(rename("file", longer), ENAMETOOLONG);
		REFUSED(link("file", longer), ENAMETOOLONG);
		REFUSED(symlink("file", longer), ENAMETOOLONG);
		REFUSED(mkdir(longer, 0755), ENAMETOOLONG);
		REFUSED(mknod(longer, S_IFIFO | 0644, 0), ENAMETOOLONG);
		REFUSED(open(longer, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
		longer[len] = 'n';
	}
	GRANTED(rename("dir", longest));
	GRANTED(chdir(longest));
	GRANTED(getcwd(path, sizeof(path)) ? 0 : -1);
	if (strlen(path) != strlen("/tmp/names/") + NAME_MAX)
		wrong("getcwd: %s", path);
	REFUSED(syscall(SYS_getcwd, small, sizeof(small)), ERANGE);
}

/* Only what has pages can be mapped. */
static void mapped_files(void)
{
	static const struct {
		const char *path;
		int flags, error;
	} kinds[] = {
	    {"/tmp/link", O_PATH | O_NOFOLLOW, EBADF},
	    {"/tmp/file", O_PATH, EBADF},
	    {"/tmp", O_PATH, EBADF},
	    {"/tmp", O_RDONLY, ENODEV},
	    {"/dev/null", O_RDWR, ENODEV},
	    {"/dev/console", O_RDWR | O_NOCTTY, ENODEV},
	    {"/proc/stat", O_RDONLY, ENODEV},
	    {"/proc", O_RDONLY, ENODEV},
	};
	char target[200];
	int ends[2];

	memset(target, 'A', sizeof(target) - 1);
	target[sizeof(target) - 1] = 0;
	GRANTED(symlink(target, "/tmp/link"));
	GRANTED(close(GRANTED(open("/tmp/file", O_CREAT | O_WRONLY, 0644))));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int fd = GRANTED(open(kinds[i].path, kinds[i].flags));

		for (int shared = 0; shared < 2; shared++)
			REFUSED(mmap(NULL, PAGE, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0),
				kinds[i].error);
		close(fd);
	}
	GRANTED(pipe(ends));
	REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
	REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
}

static int polled[2];
static bool by_select;

static void *wait_for_input(void *unused)
{
	struct pollfd p = {.fd = polled[0], .events = POLLIN};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(polled[0], &set);
	if (by_select)
		select(polled[0] + 1, &set, NULL, NULL, NULL);
	else
		poll(&p, 1, -1);
	return NULL;
}

/* A file that is closed while another thread waits for it lives as long as that: the thread hears of the end, and what
 * is opened meanwhile is sound. */
static void closed_while_polled(void)
{
	int others[100], ends[2];
	pthread_t thread;
	char c;

	for (int round = 0; round < 20; round++) {
		by_select = round & 1;
		GRANTED(pipe(polled));
		pthread_create(&thread, NULL, wait_for_input, NULL);
		usleep(10000);
		close(polled[0]);
		close(polled[1]);
		for (int i = 0; i < 100; i += 2) {
			GRANTED(pipe(ends));
			others[i] = ends[0];
			others[i + 1] = ends[1];
		}
		for (int i = 0; i < 100; i += 2) /* one of them has the number that is waited for */
			if (write(others[i + 1], "p", 1) != 1)
				wrong("round %d: a pipe made meanwhile cannot be written", round);
		pthread_join(thread, NULL);
		for (int i = 0; i < 100; i += 2) {
			if (read(others[i], &c, 1) != 1 || c != 'p')
				wrong("round %d: a pipe made meanwhile does not work", round);
			close(others[i]);
			close(others[i + 1]);
		}
	}
}

const struct attack file_attacks[] = {
    {"removed-directories", removed_directories},
    {"long-names", long_names},
    {"mapped-files", mapped_files},
    {"closed-while-polled", closed_while_polled},
    {NULL, NULL},
};

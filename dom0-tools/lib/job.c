/* SPDX-License-Identifier: MIT */
/* See job.h. */
#include "job.h"
#include "ctl.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "record.h"
#include "tracing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void job_path(char path[256], const char *name)
{
	snprintf(path, 256, "%s/jobs%s%s", run_dir, *name ? "/" : "", name);
}

void uuid_print(const xen_domain_handle_t handle, char text[UUID_TEXT])
{
	for (unsigned i = 0; i < 16; i++)
		text += sprintf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", handle[i]);
}

void uuid_make(xen_domain_handle_t handle)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, handle, 16) != 16) {
		uint64_t now = now_ms();
		uint32_t pid = getpid();

		memset(handle, 0, 16);
		memcpy(handle, &now, sizeof(now));
		memcpy((char *)handle + sizeof(now), &pid, sizeof(pid));
	}
	if (fd >= 0)
		close(fd);
}

int job_begin(const char *uuid)
{
	char temp[256], path[256], name[24];
	int fd;

	job_path(path, "");
	make_dirs(path);
	snprintf(name, sizeof(name), ".%d", (int)getpid());
	job_path(temp, name);
	job_path(path, uuid);
	unlink(temp);
	/* It has a writer before another process can see it. */
	fd = mkfifo(temp, 0600) < 0 ? -1 : open(temp, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || rename(temp, path) < 0) {
		fail_errno(errno, "%s: cannot make this FIFO", path);
		unlink(temp);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	ctl_send("domd", "job %s", uuid);
	return fd;
}

void job_end(const char *uuid, int fd)
{
	char path[256];

	job_path(path, uuid);
	unlink(path);
	close(fd);
}

bool job_is_held(const char *uuid)
{
	char path[256];

	job_path(path, uuid);
	return !access(path, F_OK);
}

/* Has its owner died? A read of a FIFO without a writer returns end of file; an owner that is done unlinks it before
 * closing it, so a FIFO that is still there was not given up. */
static bool is_orphan(const char *path)
{
	struct stat opened, there;
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool orphan = fd >= 0 && read(fd, &byte, 1) == 0 && !fstat(fd, &opened) && !stat(path, &there) &&
		      opened.st_ino == there.st_ino;

	if (fd >= 0)
		close(fd);
	return orphan;
}

/* Has it shut down by itself, and nothing was taken from it yet? Then rl-domd was at its restart, and does it once more. */
static bool is_whole(const struct xen_domctl_getdomaininfo *info)
{
	struct record r;

	return info->flags & XEN_DOMINF_shutdown && !(info->flags & XEN_DOMINF_dying) &&
	       !record_load(info->domain, &r) && !r.ending;
}

static void clear_domain(struct hv *hv, const char *uuid)
{
	struct xen_domctl_getdomaininfo *list;
	long count = domains_list(hv, &list);
	char text[UUID_TEXT];

	for (long i = 0; i < count; i++) {
		uuid_print(list[i].handle, text);
		if (strcmp(text, uuid) || is_whole(&list[i]))
			continue;
		record_ending(list[i].domain, domain_name(list[i].domain), "destroyed",
			      -1); /* before it is this process's job */
		domain_end(hv, list[i].domain, "destroyed", -1);
		record_tidy(list[i].domain);
	}
	if (count >= 0)
		free(list);
}

size_t jobs_clear(struct hv *hv)
{
	struct dirent *entry;
	size_t held = 0;
	char path[256];
	DIR *dir;

	tracing_clear(hv);
	job_path(path, "");
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		int pid = name[0] == '.' ? atoi(name + 1) : 0;

		job_path(path, name);
		if (name[0] == '.') {
			if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)
				unlink(path);
		} else if (is_orphan(path)) {
			clear_domain(hv, name);
			unlink(path);
		} else {
			held++;
		}
	}
	if (dir)
		closedir(dir);
	return held;
}

/* SPDX-License-Identifier: MIT */
/* What becomes of an appliance's parts in their folder: see appliance.h. */
#include "appliance.h"
#include "disk_image.h"
#include "err.h"
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_RUN 127
#define STATE      "state-" /* what guests wrote begins so: state-VDEV.qcow2, above disk-VDEV.qcow2 */

const char *image_program = "rl-image";

int appliance_image(const char *const words[])
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (!child) {
		execvp(image_program, (char *const *)words);
		_exit(CANNOT_RUN);
	}
	if (child < 0)
		return fail_errno(-errno, "cannot run %s", image_program);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		return fail("cannot run %s, which is needed for disks; put it beside rl", image_program);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}

static int settle_file(const struct appliance *a, const char *dir, struct cfg *cfg, const char *key)
{
	const char *name = NULL;
	char path[PATH_MAX];

	if (cfg_text(cfg, key, &name))
		return -1;
	if (!name || !*name)
		return 0;
	if (strcmp(name, key) || !appliance_part(a, key))
		return fail("%s: its part \"config\" has %s = \"%s\", which is no part of it", a->path, key,
			    name);
	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return cfg_set_text(cfg, key, path);
}

/* @disk's target becomes the image, or what its guest writes above it. */
static int settle_target(const struct appliance *a, const char *dir, struct disk *disk)
{
	char name[APPLIANCE_NAME + 16], base[PATH_MAX], path[PATH_MAX];

	snprintf(name, sizeof(name), "disk-%.20s.qcow2", disk->vdev);
	if (strcmp(disk->target, name) || disk->phy || disk->format != DISK_QCOW2 || !appliance_part(a, name))
		return fail("%s: its part \"config\" has a disk with \"%s\", which is no part of it", a->path,
			    disk->target);
	snprintf(base, sizeof(base), "%s/%s", dir, name);
	snprintf(path, sizeof(path), "%s/" STATE "%s.qcow2", dir, disk->vdev);
	if (!disk->readonly && access(path, F_OK) &&
	    appliance_image((const char *const[]){image_program, "clone", base, path, "qcow2", NULL}))
		return -1;
	free(disk->target);
	disk->target = strdup(disk->readonly ? base : path);
	return disk->target ? 0 : fail("%s: out of memory", a->path);
}

/* What cannot be read is refused when the domain is made. */
static int settle_disk(const struct appliance *a, const char *dir, struct cfg_value *entry)
{
	char why[DISK_WHY], *text;
	struct disk disk;
	int rc = 0;

	if (entry->kind == CFG_LIST)
		return 0;
	if (!disk_parse(entry->text, &disk, why) && !disk_usable(&disk, why) && disk.target && *disk.target) {
		rc = settle_target(a, dir, &disk);
		text = rc ? NULL : disk_print(&disk);
		if (text) {
			free(entry->text);
			entry->text = text;
		}
	}
	disk_clear(&disk);
	return rc;
}

int appliance_settle(const struct appliance *a, const char *dir, struct cfg *cfg)
{
	const struct cfg_item *disks = cfg_find(cfg, "disk");

	if (settle_file(a, dir, cfg, "kernel") || settle_file(a, dir, cfg, "ramdisk"))
		return -1;
	for (size_t i = 0; disks && disks->value.kind == CFG_LIST && i < disks->value.count; i++)
		if (settle_disk(a, dir, &disks->value.list[i]))
			return -1;
	return 0;
}

static bool has_state(const char *dir)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	bool has = false;

	while (folder && !has && (entry = readdir(folder)))
		has = !strncmp(entry->d_name, STATE, strlen(STATE));
	if (folder)
		closedir(folder);
	return has;
}

bool appliance_keeps_other(const struct appliance *a, const char *dir)
{
	char path[PATH_MAX], *there;
	bool is_other;
	size_t len;

	snprintf(path, sizeof(path), "%s/manifest", dir);
	there = file_read_quiet(path, APPLIANCE_MANIFEST, &len);
	is_other = there && strcmp(there, a->manifest) && has_state(dir);
	free(there);
	return is_other;
}

static bool is_ours(const char *name)
{
	static const char *const begins[] = {"manifest", "domain.cfg", "kernel", "ramdisk", "disk-", STATE};

	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		if (!strncmp(name, begins[i], strlen(begins[i])))
			return true;
	return false;
}

int appliance_remove(const char *dir, bool all)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	char path[PATH_MAX];
	int rc = 0;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		if (all ? !is_ours(entry->d_name) : strncmp(entry->d_name, STATE, strlen(STATE)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (unlink(path) && errno != ENOENT)
			rc = -errno;
	}
	closedir(folder);
	if (!rc && all && rmdir(dir))
		rc = -errno;
	return rc;
}

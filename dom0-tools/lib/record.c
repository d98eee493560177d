/* SPDX-License-Identifier: MIT */
/* What Dom0 remembers of its domains: see record.h. */
#include "record.h"
#include "cfg.h"
#include "err.h"
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *run_dir = "/run/rl";

static const char *const actions[] = {"destroy", "restart", "preserve", NULL};

const char *action_name(enum action action)
{
	return actions[action];
}

static const char *path_of(const char *room, unsigned id, const char *file)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s/%u%s%s", run_dir, room, id, file ? "/" : "",
		 file ? file : "");
	return path;
}

const char *record_path(unsigned id, const char *file)
{
	return path_of("domains", id, file);
}

const char *console_path(unsigned id, const char *file)
{
	return path_of("console", id, file);
}

int record_save(const struct record *r)
{
	char text[1024];
	int rc = make_dirs(record_path(r->id, NULL));

	snprintf(text, sizeof(text),
		 "kind = \"%s\"\non_poweroff = \"%s\"\non_reboot = \"%s\"\non_crash = \"%s\"\n"
		 "on_watchdog = \"%s\"\nstarted_ms = %llu\nconsole_mfn = %llu\nstore_mfn = "
		 "%llu\nconsole_port = %u\nstore_port = %u\n",
		 r->kind, action_name(r->on_poweroff), action_name(r->on_reboot), action_name(r->on_crash),
		 action_name(r->on_watchdog), (unsigned long long)r->started_ms,
		 (unsigned long long)r->console_mfn, (unsigned long long)r->store_mfn, r->console_port,
		 r->store_port);
	if (!rc)
		rc = file_write(record_path(r->id, "record"), text);
	return rc ? fail_errno(rc, "%s: cannot write", record_path(r->id, "record")) : 0;
}

void record_rename(unsigned id, const char *name)
{
	int fd = open(record_path(id, "name"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return; /* it has no record */
	if (write(fd, name, strlen(name)) < 0)
		warn("%s: cannot write", record_path(id, "name"));
	close(fd);
}

void record_name(unsigned id, char name[RECORD_NAME_MAX])
{
	size_t len;
	char *text = file_read_quiet(record_path(id, "name"), RECORD_NAME_MAX - 1, &len);

	snprintf(name, RECORD_NAME_MAX, "%s", text ? text : "");
	free(text);
}

int record_save_config(unsigned id, const struct cfg *cfg)
{
	const char *path = record_path(id, "config");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int rc;

	if (!out)
		return fail("out of memory");
	cfg_write(cfg, out);
	rc = fclose(out) ? -ENOMEM : file_write(path, text);
	free(text);
	return rc ? fail_errno(rc, "%s: cannot write", path) : 0;
}

static uint64_t number_of(const struct cfg *cfg, const char *key)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	return item && item->value.kind == CFG_NUMBER ? strtoull(item->value.text, NULL, 0) : 0;
}

static void text_of(const struct cfg *cfg, const char *key, char *out, size_t size)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	snprintf(out, size, "%s", item && item->value.kind == CFG_TEXT ? item->value.text : "");
}

static enum action action_of(const struct cfg *cfg, const char *key)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	for (int i = 0; item && item->value.kind == CFG_TEXT && actions[i]; i++)
		if (!strcmp(item->value.text, actions[i]))
			return i;
	return ACTION_DESTROY;
}

/* Read a file that rl wrote; one that is missing or incomplete counts as nothing. */
static int load_quiet(const char *path, struct cfg *cfg)
{
	size_t len;
	char *text = file_read_quiet(path, 64 * 1024, &len);
	int rc = text ? cfg_parse(cfg, path, text, len) : -1;

	free(text);
	return rc;
}

int record_load(unsigned id, struct record *r)
{
	struct cfg cfg = {0}, end = {0};

	memset(r, 0, sizeof(*r));
	r->id = id;
	r->restarted = -1;
	if (load_quiet(record_path(id, "record"), &cfg)) {
		cfg_free(&cfg);
		return -1;
	}
	text_of(&cfg, "kind", r->kind, sizeof(r->kind));
	r->on_poweroff = action_of(&cfg, "on_poweroff");
	r->on_reboot = action_of(&cfg, "on_reboot");
	r->on_crash = action_of(&cfg, "on_crash");
	r->on_watchdog = action_of(&cfg, "on_watchdog");
	r->started_ms = number_of(&cfg, "started_ms");
	r->console_mfn = number_of(&cfg, "console_mfn");
	r->store_mfn = number_of(&cfg, "store_mfn");
	r->console_port = number_of(&cfg, "console_port");
	r->store_port = number_of(&cfg, "store_port");
	cfg_free(&cfg);
	r->ending = !load_quiet(record_path(id, "end"), &end);
	if (r->ending)
		text_of(&end, "reason", r->end, sizeof(r->end));
	else
		r->ending = !load_quiet(record_path(id, "ending"), &end);
	text_of(&end, "name", r->name, sizeof(r->name));
	if (cfg_find(&end, "restarted"))
		r->restarted = (long)number_of(&end, "restarted");
	cfg_free(&end);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* The ids that have an entry in <run_dir>/<room>, ascending. */
static size_t list_ids(const char *room, unsigned **ids)
{
	char path[256];
	size_t count = 0;
	struct dirent *entry;
	DIR *dir;

	*ids = NULL;
	snprintf(path, sizeof(path), "%s/%s", run_dir, room);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char *rest;
		unsigned long id = strtoul(entry->d_name, &rest, 10);
		unsigned *grown;

		if (rest == entry->d_name || *rest)
			continue;
		grown = realloc(*ids, (count + 1) * sizeof(*grown));
		if (!grown)
			break;
		*ids = grown;
		grown[count++] = id;
	}
	if (dir)
		closedir(dir);
	if (count)
		qsort(*ids, count, sizeof(**ids), by_value);
	return count;
}

size_t record_list(unsigned **ids)
{
	return list_ids("domains", ids);
}

/* Remove those with @part in their names; what cannot be removed stays. */
static void remove_files(const char *path, const char *part)
{
	char file[512];
	struct dirent *entry;
	DIR *dir = opendir(path);
	bool removed = dir;

	/* The list may change during the pass: it is read again until a whole pass removes nothing. */
	while (removed) {
		removed = false;
		while ((entry = readdir(dir))) {
			snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
			if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			    strstr(entry->d_name, part) && !unlink(file))
				removed = true;
		}
		rewinddir(dir);
	}
	if (dir)
		closedir(dir);
}

static void remove_dir(const char *path)
{
	remove_files(path, "");
	rmdir(path);
}

void record_remove(unsigned id)
{
	remove_dir(console_path(id, NULL));
	remove_dir(record_path(id, NULL));
	unlink(path_of("ended", id, NULL));
}

void record_tidy(unsigned id)
{
	struct record r;

	if (record_load(id, &r))
		record_remove(id);
	else
		remove_files(record_path(id, NULL), FILE_WRITE_TEMP);
}

/* Ended domains have an entry of their own, so that the living need not be looked through for them. */
static void note_ended(unsigned id)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/ended", run_dir);
	make_dirs(path);
	fd = open(path_of("ended", id, NULL), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

static void forget_oldest(void)
{
	unsigned *ids;
	size_t count = list_ids("ended", &ids);

	for (size_t i = 0; i + RECORDS_KEPT < count; i++)
		record_remove(ids[i]);
	free(ids);
}

void record_ending(unsigned id, const char *name, const char *reason, long restarted)
{
	struct record r;
	char *text;
	size_t size;
	FILE *out;

	if (record_load(id, &r) || r.ending)
		return;
	out = open_memstream(&text, &size);
	if (!out)
		return;
	fputs("name = ", out);
	cfg_write_text(name, out);
	fprintf(out, "\nreason = \"%s\"\n", reason);
	if (restarted >= 0)
		fprintf(out, "restarted = %ld\n", restarted);
	if (!fclose(out))
		file_write(record_path(id, "ending"), text);
	free(text);
}

void record_end(unsigned id, const char *name, const char *reason, long restarted)
{
	record_ending(id, name, reason, restarted);
	if (access(record_path(id, "record"), F_OK))
		return;
	note_ended(id); /* first: a process killed in between would leave a record that is never removed */
	rename(record_path(id, "ending"), record_path(id, "end"));
	forget_oldest();
}

int record_find_ended(const char *name, struct record *r)
{
	unsigned *ids;
	size_t count = list_ids("ended", &ids);
	int found = -1;

	for (size_t i = count; found && i-- > 0;)
		if (!record_load(ids[i], r) && r->end[0] && !strcmp(r->name, name))
			found = 0;
	free(ids);
	return found;
}

/* SPDX-License-Identifier: MIT */
/*
 * See save.h. The notes of one round are one write() with a length and a sum before them: of a write that a signal cut short
 * nothing counts, and nothing came of it yet.
 */
#include "save.h"
#include "alloc.h"
#include "err.h"
#include "files.h"
#include "journal.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LOG_MIN (256 * 1024) /* bytes of notes for which the whole is not written anew */
#define LATE    4            /* times as much, while Dom0 is within a transaction, which would be lost */
#define RETRY   1024         /* rounds, after the whole could not be written */

static struct bytes notes;
static uint32_t number; /* of the log */
static int log_fd = -1;
static size_t log_size, state_size;
static uint64_t retry; /* the round in which to write the whole, for nothing is kept */

struct batch {
	uint32_t len, sum;
};

static uint32_t sum_of(const char *data, size_t len)
{
	return (uint32_t)store_hash(0xcbf29ce484222325u, data, len);
}

static void path_to(char path[256], const char *name, uint32_t n)
{
	if (n)
		snprintf(path, 256, "%s/store/%s.%u", run_dir, name, n);
	else
		snprintf(path, 256, "%s/store/%s", run_dir, name);
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		len -= done;
	}
	return true;
}

/* ---- Reading ---- */

/* All whole batches of the log. */
static bool replay_log(struct store *s)
{
	char path[256];
	size_t len, at = 0;
	struct batch b;
	bool good = true;
	char *text;

	path_to(path, "log", number);
	text = file_read_quiet(path, SIZE_MAX, &len);
	while (text && good && len - at >= sizeof(b)) {
		memcpy(&b, text + at, sizeof(b));
		at += sizeof(b);
		if (len - at < b.len || sum_of(text + at, b.len) != b.sum)
			break; /* cut short */
		good = journal_replay(s, text + at, b.len);
		at += b.len;
	}
	free(text);
	return good;
}

int save_open(struct store *s)
{
	const struct store_ops *ops = s->ops;
	uint64_t seed = s->seed;
	char path[256], *text;
	size_t len;
	int err;

	path_to(path, "", 0);
	path[strlen(path) - 1] = '\0';
	err = make_dirs(path);
	if (err)
		return fail_errno(err, "%s: cannot make this directory", path);
	path_to(path, "state", 0);
	text = file_read_quiet(path, SIZE_MAX, &len);
	if (!text)
		return 0;
	if (len > sizeof(number)) {
		memcpy(&number, text, sizeof(number));
		if (state_load(s, text + sizeof(number), len - sizeof(number)) && replay_log(s)) {
			free(text);
			state_attach(s);
			return 1;
		}
	}
	free(text);
	fail("%s: not the state of a store, or not of this version; all that it knew is lost", path);
	/* What was read stays allocated: its parts may not fit together. */
	store_init(s, ops);
	s->seed = seed;
	return 0;
}

/* ---- Writing ---- */

static bool write_state(const struct bytes *b)
{
	char path[256], temp[256];
	bool good;
	int fd;

	path_to(path, "state", 0);
	path_to(temp, "new", getpid());
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	good = fd >= 0 && write_all(fd, b->data, b->n);
	if (fd >= 0)
		close(fd);
	good = good && !rename(temp, path);
	if (!good)
		unlink(temp);
	return good;
}

/* The whole, and a new log. */
static bool save_whole(struct store *s)
{
	struct bytes b = {0};
	char path[256];
	uint32_t next = number + 1;
	bool good;

	for (struct conn *c = s->conns; c; c = c->next)
		txn_lose_all(c);
	bytes_put32(&b, next);
	state_save(s, &b);
	path_to(path, "log", next);
	unlink(path);
	good = write_state(&b);
	state_size = b.n;
	free(b.data);
	if (!good)
		return false;
	if (log_fd >= 0)
		close(log_fd);
	log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	log_size = 0;
	path_to(path, "log", number);
	unlink(path);
	number = next;
	return log_fd >= 0;
}

/* Nothing can be kept: say so once, serve on, and try again later. */
static void give_up(struct store *s)
{
	if (!retry)
		warn("cannot write %s/store: %s; until that is mended, the store forgets all if it is "
		     "killed",
		     run_dir, strerror(errno));
	retry = s->rounds + RETRY;
	notes.n = 0;
}

static bool is_too_long(const struct store *s)
{
	size_t most = state_size > LOG_MIN ? state_size : LOG_MIN;
	const struct conn *dom0 = conn_find((struct store *)s, 0);

	return log_size > (dom0 && dom0->n_txns ? LATE * most : most);
}

void save_keep(struct store *s)
{
	const struct batch b = {notes.n, sum_of(notes.data, notes.n)};
	size_t len = sizeof(b) + notes.n;
	char *whole;
	bool good;

	if (retry && s->rounds >= retry) {
		if (save_whole(s))
			retry = 0;
		else
			give_up(s);
	}
	if (!notes.n || retry) {
		notes.n = 0;
		return;
	}
	whole = alloc(len);
	memcpy(whole, &b, sizeof(b));
	memcpy(whole + sizeof(b), notes.data, notes.n);
	good = write_all(log_fd, whole, len);
	free(whole);
	log_size += len;
	notes.n = 0;
	if (!good || (is_too_long(s) && !save_whole(s)))
		give_up(s);
}

void save_begin(struct store *s)
{
	s->journal = &notes;
	if (!save_whole(s))
		give_up(s);
}

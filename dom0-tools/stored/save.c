/* SPDX-License-Identifier: MIT */
/*
 * See save.h. The notes of one round are one write() with a length and a sum before them. A write that was cut short
 * does not count, and no client has seen its results.
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

#define LOG_MIN (256 * 1024) /* bytes of notes below which the whole is not rewritten */
#define LATE    4            /* times that, while Dom0 has a transaction under way, which would be lost */
#define RETRY   1024         /* rounds, after the whole could not be written */

static struct bytes notes;
static uint32_t number; /* of the log */
static int log_fd = -1;
static size_t log_size, state_size;
static uint64_t retry; /* the round in which to write the whole, since nothing is kept */

struct batch {
	uint32_t len, sum;
};

static uint32_t sum_of(const char *data, size_t len)
{
	return (uint32_t)store_hash(0xcbf29ce484222325u, data, len);
}

static void path_to(char path[256], const char *name)
{
	snprintf(path, 256, "%s/store%s%s", run_dir, *name ? "/" : "", name);
}

/* There are two in turn, so that neither is overwritten while the state still needs it. */
static void path_to_log(char path[256], uint32_t n)
{
	path_to(path, n & 1 ? "log.1" : "log.0");
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

/* All whole batches of the log; the last one may have been cut short. */
static bool replay_log(struct store *s)
{
	char path[256];
	size_t len, at = 0;
	struct batch b;
	bool good = true;
	char *text;

	path_to_log(path, number);
	text = file_read_quiet(path, SIZE_MAX, &len);
	while (text && good && len - at >= sizeof(b)) {
		memcpy(&b, text + at, sizeof(b));
		at += sizeof(b);
		if (len - at < b.len)
			break;
		good = sum_of(text + at, b.len) == b.sum && journal_replay(s, text + at, b.len);
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
	int rc;

	path_to(path, "");
	rc = make_dirs(path);
	if (rc)
		return fail_errno(rc, "%s: cannot make this directory", path);
	path_to(path, "state");
	text = file_read_quiet(path, SIZE_MAX, &len);
	if (!text && access(path, F_OK))
		return 0;
	if (text && len > sizeof(number)) {
		memcpy(&number, text, sizeof(number));
		if (state_load(s, text + sizeof(number), len - sizeof(number)) && replay_log(s)) {
			free(text);
			state_attach(s);
			return 1;
		}
	}
	free(text);
	fail("%s: it, or its log, is damaged; the store starts empty, and what guests wrote there is lost",
	     path);
	for (struct conn *c = s->conns; c; c = c->next)
		c->ring = NULL; /* never attached */
	store_free(s);
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

	path_to(path, "state");
	path_to(temp, "state.new");
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
	int fd;

	for (struct conn *c = s->conns; c; c = c->next)
		txn_lose_all(c);
	bytes_put32(&b, number + 1);
	state_save(s, &b);
	path_to_log(path, number + 1);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || !write_state(&b)) {
		if (fd >= 0)
			close(fd);
		free(b.data);
		return false;
	}
	if (log_fd >= 0)
		close(log_fd);
	path_to_log(path, number++);
	unlink(path);
	log_fd = fd;
	log_size = 0;
	state_size = b.n;
	free(b.data);
	return true;
}

/* Nothing can be kept: say so once, keep serving, and try again later. What was kept is no longer valid: the next
 * daemon starts empty. */
static void give_up(struct store *s)
{
	char path[256];

	if (!retry)
		warn("cannot write %s/store: %s; until that is fixed, the store loses everything if it is "
		     "killed",
		     run_dir, strerror(errno));
	path_to(path, "state");
	unlink(path);
	retry = s->rounds + RETRY;
}

static bool is_too_long(const struct store *s)
{
	size_t most = state_size > LOG_MIN ? state_size : LOG_MIN;
	const struct conn *dom0 = conn_find((struct store *)s, 0);

	return log_size > (dom0 && dom0->n_txns ? LATE * most : most);
}

/* Before the notes of a round there is room for the head of their batch. */
static void begin_notes(void)
{
	static const struct batch head;

	notes.n = 0;
	bytes_put(&notes, &head, sizeof(head));
}

static bool write_notes(void)
{
	struct batch b = {.len = notes.n - sizeof(b)};

	b.sum = sum_of(notes.data + sizeof(b), b.len);
	memcpy(notes.data, &b, sizeof(b));
	log_size += notes.n;
	return write_all(log_fd, notes.data, notes.n);
}

void save_keep(struct store *s)
{
	if (retry && s->rounds >= retry) {
		if (save_whole(s))
			retry = 0; /* with what this round did */
		else
			give_up(s);
	} else if (!retry && notes.n > sizeof(struct batch)) {
		if (!write_notes() || (is_too_long(s) && !save_whole(s)))
			give_up(s);
	}
	begin_notes();
}

void save_begin(struct store *s)
{
	begin_notes();
	s->journal = &notes;
	if (!save_whole(s))
		give_up(s);
}

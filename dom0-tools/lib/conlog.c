/* SPDX-License-Identifier: MIT */
/* The ring file of a console: see conlog.h. */
#include "conlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct header {
	char magic[8];
	uint64_t total, cons;
};

static const char magic[8] = "RLCON1\n";

static int put_header(struct conlog *log)
{
	struct header h = {.total = log->at, .cons = log->cons};

	memcpy(h.magic, magic, sizeof(magic));
	return pwrite(log->fd, &h, sizeof(h), 0) == sizeof(h) ? 0 : -EIO;
}

static int get_header(const struct conlog *log, struct header *h)
{
	bool good = pread(log->fd, h, sizeof(*h), 0) == sizeof(*h) && !memcmp(h->magic, magic, sizeof(magic));

	return good ? 0 : -EINVAL;
}

static int get_total(const struct conlog *log, uint64_t *total)
{
	struct header h;
	int rc = get_header(log, &h);

	if (!rc)
		*total = h.total;
	return rc;
}

int conlog_create(struct conlog *log, const char *path)
{
	struct header h;

	log->at = log->cons = 0;
	log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (log->fd < 0)
		return -errno;
	if (!get_header(log, &h)) {
		log->at = h.total;
		log->cons = h.cons;
		return 0;
	}
	if (ftruncate(log->fd, 0) < 0)
		return -errno;
	return put_header(log);
}

int conlog_append(struct conlog *log, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		size_t place = log->at % CONLOG_SIZE;
		size_t part = len < CONLOG_CHUNK ? len : CONLOG_CHUNK;
		int rc;

		if (part > CONLOG_SIZE - place)
			part = CONLOG_SIZE - place;
		if (pwrite(log->fd, from, part, sizeof(struct header) + place) != (ssize_t)part)
			return -EIO;
		log->at += part;
		log->cons += part;
		from += part;
		len -= part;
		rc = put_header(log);
		if (rc)
			return rc;
	}
	return 0;
}

/* Skip what is or may be overwritten at any moment. */
static void catch_up(struct conlog *log, uint64_t total)
{
	const uint64_t safe = CONLOG_SIZE - CONLOG_CHUNK;

	if (total > safe && log->at < total - safe)
		log->at = total - safe;
}

int conlog_open(struct conlog *log, const char *path)
{
	uint64_t total;

	log->at = 0;
	log->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log->fd < 0)
		return -errno;
	if (get_total(log, &total)) {
		conlog_close(log);
		return -EINVAL;
	}
	catch_up(log, total);
	return 0;
}

ssize_t conlog_read(struct conlog *log, void *data, size_t max)
{
	for (;;) {
		uint64_t total, before;
		size_t place, part;
		ssize_t got;

		if (get_total(log, &total))
			return -EINVAL;
		catch_up(log, total);
		part = total - log->at < max ? total - log->at : max;
		place = log->at % CONLOG_SIZE;
		if (part > CONLOG_SIZE - place)
			part = CONLOG_SIZE - place;
		if (!part)
			return 0;
		got = pread(log->fd, data, part, sizeof(struct header) + place);
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		/* Was it overwritten during the read? Then read again from further on. */
		before = log->at;
		if (get_total(log, &total))
			return -EINVAL;
		catch_up(log, total);
		if (log->at != before)
			continue;
		log->at += got;
		return got;
	}
}

void conlog_close(struct conlog *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

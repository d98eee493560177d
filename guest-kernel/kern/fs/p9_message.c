/* SPDX-License-Identifier: MIT */
/* See p9_message.h. */
#include "kern/fs/p9_message.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

#define ERRNO_MAX     133 /* of Linux */
#define NAME_MOST     255
#define QID_SIZE      13
#define ANSWER(type)  ((type) + 1)
#define ANSWER_FAILED ANSWER(P9_ERROR)

/* Where the next n bytes of the message are, or NULL. */
static u8 *field(struct p9_message *m, size_t n)
{
	u8 *at = m->bytes + m->at;

	if (m->bad || n > m->size - m->at) {
		m->bad = true;
		return NULL;
	}
	m->at += n;
	return at;
}

static void put_number(struct p9_message *m, u64 value, unsigned bytes)
{
	u8 *at = field(m, bytes);

	for (; at && bytes; bytes--, value >>= 8)
		*at++ = value;
}

static u64 get_number(struct p9_message *m, unsigned bytes)
{
	const u8 *at = field(m, bytes);
	u64 value = 0;

	while (at && bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static void put_string(struct p9_message *m, const char *text, size_t len)
{
	u8 *at;

	m->bad |= len > 0xffff;
	put_number(m, len, 2);
	at = field(m, len);
	if (at)
		memcpy(at, text, len);
}

void p9_start(struct p9_message *m, u32 room, u8 type, u16 tag)
{
	m->at = 0;
	m->size = room;
	m->bad = false;
	p9_put(m, "dbw", 0, type, tag);
}

void p9_vput(struct p9_message *m, const char *format, va_list ap)
{
	const char *text;

	for (; *format; format++) {
		switch (*format) {
		case 'b':
			put_number(m, va_arg(ap, unsigned), 1);
			break;
		case 'w':
			put_number(m, va_arg(ap, unsigned), 2);
			break;
		case 'd':
			put_number(m, va_arg(ap, u32), 4);
			break;
		case 'q':
			put_number(m, va_arg(ap, u64), 8);
			break;
		case 's':
			text = va_arg(ap, const char *);
			put_string(m, text, va_arg(ap, size_t));
			break;
		default:
			m->bad = true;
		}
	}
}

void p9_put(struct p9_message *m, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	p9_vput(m, format, ap);
	va_end(ap);
}

int p9_finish(struct p9_message *m)
{
	struct p9_message size = {m->bytes, 0, 4, false};

	put_number(&size, m->at, 4);
	return m->bad ? -EINVAL : 0;
}

static void get_string(struct p9_message *m, const char **text, size_t *len)
{
	*len = get_number(m, 2);
	*text = (const char *)field(m, *len);
	if (!*text)
		*len = 0;
}

static void get_qid(struct p9_message *m, struct p9_qid *qid)
{
	qid->type = get_number(m, 1);
	qid->version = get_number(m, 4);
	qid->path = get_number(m, 8);
}

bool p9_get(struct p9_message *m, const char *format, ...)
{
	const char **text;
	va_list ap;

	va_start(ap, format);
	for (; *format; format++) {
		switch (*format) {
		case 'b':
			*va_arg(ap, u8 *) = get_number(m, 1);
			break;
		case 'w':
			*va_arg(ap, u16 *) = get_number(m, 2);
			break;
		case 'd':
			*va_arg(ap, u32 *) = get_number(m, 4);
			break;
		case 'q':
			*va_arg(ap, u64 *) = get_number(m, 8);
			break;
		case 's':
			text = va_arg(ap, const char **);
			get_string(m, text, va_arg(ap, size_t *));
			break;
		case 'Q':
			get_qid(m, va_arg(ap, struct p9_qid *));
			break;
		default:
			m->bad = true;
		}
	}
	va_end(ap);
	return !m->bad;
}

int p9_answer(struct p9_message *m, u32 written, u8 type, u16 tag)
{
	u32 size, error;
	u16 got_tag;
	u8 got;

	m->at = 0;
	m->size = written;
	m->bad = false;
	if (!p9_get(m, "dbw", &size, &got, &got_tag) || size > written || size < P9_HEADER || got_tag != tag)
		return -EIO;
	m->size = size;
	if (got == ANSWER(type))
		return 0;
	if (got != ANSWER_FAILED || !p9_get(m, "d", &error) || !error || error > ERRNO_MAX)
		return -EIO;
	return -(int)error;
}

bool p9_name_ok(const char *name, size_t len)
{
	if (!len || len > NAME_MOST || memchr(name, '/', len) || memchr(name, 0, len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

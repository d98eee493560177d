/* SPDX-License-Identifier: MIT */
/*
 * Messages of 9P2000.L: size[4] type[1] tag[2], then fields in little-endian order. A format names the fields:
 *
 *	b w d q	numbers of 1, 2, 4 and 8 bytes
 *	s	a string: length[2] and so many bytes, without an end; put: const char *, size_t; get: pointers to the same
 *	Q	struct p9_qid, 13 bytes
 *
 * What does not fit, and what ends too early, makes the message bad: nothing is written or read past its ends.
 * (Plan 9 manual, intro(5); 9P2000.L: the diod project's protocol.md)
 */
#ifndef KERN_FS_P9_MESSAGE_H
#define KERN_FS_P9_MESSAGE_H

#include "kern/lib/types.h"

enum {
	P9_ERROR = 6, /* never sent; the answer is Rlerror */
	P9_STATFS = 8,
	P9_LOPEN = 12,
	P9_LCREATE = 14,
	P9_SYMLINK = 16,
	P9_READLINK = 22,
	P9_GETATTR = 24,
	P9_SETATTR = 26,
	P9_READDIR = 40,
	P9_LINK = 70,
	P9_MKDIR = 72,
	P9_RENAMEAT = 74,
	P9_UNLINKAT = 76,
	P9_VERSION = 100,
	P9_ATTACH = 104,
	P9_WALK = 110,
	P9_READ = 116,
	P9_WRITE = 118,
	P9_CLUNK = 120,
};

#define P9_HEADER 7
#define P9_NO_TAG 0xffffu
#define P9_NO_FID 0xffffffffu

struct p9_qid {
	u8 type;
	u32 version;
	u64 path;
};

struct p9_message {
	u8 *bytes;
	u32 at, size; /* where the next field is; where the message, or the room for it, ends */
	bool bad;
};

void p9_start(struct p9_message *m, u32 room, u8 type, u16 tag);
void p9_put(struct p9_message *m, const char *format, ...);
void p9_vput(struct p9_message *m, const char *format, va_list ap);
/* Writes the size. -EINVAL: not all fitted. */
int p9_finish(struct p9_message *m);

/* An answer of which `written` bytes have come: 0 if it is the one to type and tag, and m is ready for p9_get();
 * -errno if it is an error, or -EIO if it is none of this. */
int p9_answer(struct p9_message *m, u32 written, u8 type, u16 tag);
/* False, from the first field on that is not all there. */
bool p9_get(struct p9_message *m, const char *format, ...);
/* May a directory have an entry of this name? Not ".", "..", nor one with a slash or a zero byte, nor a long one. */
bool p9_name_ok(const char *name, size_t len);

#endif

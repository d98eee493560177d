/* SPDX-License-Identifier: MIT */
/* Messages of netlink sockets: how they are made and taken apart (netlink.c), and what they say (rtnetlink.c). */
#ifndef KERN_NET_NETLINK_H
#define KERN_NET_NETLINK_H

#include "kern/lib/types.h"

struct socket;

struct nlmsghdr {
	u32 len;
	u16 type, flags;
	u32 seq, port;
};

struct rtattr {
	u16 len, type;
};

struct request {
	u16 type, flags;
	const void *head; /* the family's header ... */
	u32 head_len;     /* ... with all that follows */
	const void *attributes;
	u32 attributes_len;
};

#define REPLY_MESSAGE 512u /* no message is longer */

struct reply {
	struct socket *s;
	u8 *bytes;
	u32 len, begin; /* so far; of the message that is being made */
	u32 seq, port;
	bool dump; /* one of several */
};

void reply_begin(struct reply *r, u16 type, const void *head, u32 len);
void reply_put(struct reply *r, u16 type, const void *value, u32 len);
void reply_put_u32(struct reply *r, u16 type, u32 value);
void reply_end(struct reply *r);

/* The value of an attribute, of at least so many bytes; NULL, or 0: there is none. */
const void *attribute(const struct request *q, u16 type, u32 len);
u32 attribute_u32(const struct request *q, u16 type);

/* ---- rtnetlink.c ---- */

bool netlink_is_get(u16 type);
/* Does what is asked, or tells it. -errno. */
int netlink_request(struct request *q, struct reply *r);

#endif

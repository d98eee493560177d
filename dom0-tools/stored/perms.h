/* SPDX-License-Identifier: MIT */
/*
 * Permissions of a node. The first entry names the owner, which may do everything, and says what domains without an
 * entry of their own may do; each further entry is for one domain. As text: a letter (r read, w write, b both, n none)
 * and a domain's number, as in "n0" "r5".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERMS_MAX   16
#define NO_DOMAIN   0x7ff4u /* DOMID_INVALID */
#define DOMAINS_END 0x7ff0u /* DOMID_FIRST_RESERVED: real domains are below */

enum {
	PERM_READ = 1,
	PERM_WRITE = 2
};

struct perm {
	uint16_t id;
	uint8_t access;
};

struct perms {
	unsigned n; /* at least 1 */
	struct perm e[PERMS_MAX];
};

/* What domain @id may do. */
unsigned perms_for(const struct perms *p, unsigned id);
static inline unsigned perms_owner(const struct perms *p)
{
	return p->e[0].id;
}

/* From texts with a zero byte behind each. -EINVAL: malformed, or none; -ENOSPC: more than @max. */
int perms_parse(struct perms *p, const char *text, size_t len, unsigned max);
/* To text; returns its length, at most PERMS_TEXT. */
#define PERMS_TEXT (PERMS_MAX * 7)
size_t perms_print(const struct perms *p, char text[PERMS_TEXT]);
/* Domain @id is gone: Dom0 owns what it owned, its entries mean no domain. True if anything changed. */
bool perms_forget(struct perms *p, unsigned id);

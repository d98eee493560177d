/* SPDX-License-Identifier: MIT */
/* The memory that one guest grants us, through Linux's /dev/xen/gntdev. Data is copied by the hypervisor (grant copy): nothing of
 * the guest's but its ring is ever mapped, so there is nothing to unmap before a response, and no translation to flush. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of one of the guest's pages, and where it is to go to or to come from. */
struct grant_piece {
	void *at;
	uint32_t ref;
	uint16_t offset, bytes;
	bool failed; /* result */
};

/* -1 and a report. */
int grants_open(void);
/* Map pages, in order, to read and write. NULL: errno. */
void *grants_map(int fd, unsigned dom, const uint32_t *refs, unsigned count, uint64_t *index);
void grants_unmap(int fd, void *at, unsigned count, uint64_t index);
/* Copy from the guest, or to it. Each piece says whether it failed. */
void grants_copy(int fd, unsigned dom, struct grant_piece *pieces, size_t count, bool to_guest);

/* SPDX-License-Identifier: MIT */
/* See mbr.h. Everything in a table may be a lie. */
#include "kern/block/mbr.h"
#include "kern/lib/string.h"

#define ENTRIES       446 /* where the four of 16 bytes begin */
#define SIGNATURE     510
#define TABLES_MAX    128u /* of a chain: more than there are numbers for, as some may be empty */
#define LOGICAL_FIRST 5u
#define TYPE_GPT      0xee /* protects a table of another kind, which is not read */

struct entry {
	u8 boot, chs_first[3], type, chs_last[3];
	u32 first, blocks;
} __attribute__((packed));

/* The entries, or NULL: what else may have the signature, as a boot sector, has none of the two marks at all four places. */
static const struct entry *entries_of(const u8 *table)
{
	const struct entry *e = (const struct entry *)(table + ENTRIES);

	if (table[SIGNATURE] != 0x55 || table[SIGNATURE + 1] != 0xaa)
		return NULL;
	for (unsigned i = 0; i < 4; i++)
		if (e[i].boot & 0x7f)
			return NULL;
	return e;
}

static bool is_extended(const struct entry *e)
{
	return e->type == 0x05 || e->type == 0x0f || e->type == 0x85;
}

/* A partition that begins on the disk ends there at the latest. */
static void add(struct mbr_scan *scan, unsigned number, u64 first, const struct entry *e)
{
	if (!e->type || e->type == TYPE_GPT || !e->blocks || first >= scan->size)
		return;
	scan->part[number - 1].first = first;
	scan->part[number - 1].blocks = MIN((u64)e->blocks, scan->size - first);
	scan->count = MAX(scan->count, number);
}

static bool next_is(struct mbr_scan *scan, u64 sector)
{
	scan->sector = sector;
	return sector < scan->size;
}

/* A table of the chain: its partition lies behind it, and the next table behind the first one. */
static bool take_logical(struct mbr_scan *scan, const struct entry *e)
{
	unsigned number = MAX(scan->count + 1, LOGICAL_FIRST);
	u64 table = scan->sector;
	bool more = false;

	for (unsigned i = 0; i < 4; i++) {
		if (is_extended(&e[i])) {
			if (!more && e[i].first)
				more = next_is(scan, scan->extended + e[i].first);
		} else if (number <= BLOCK_PARTS && e[i].first) {
			add(scan, number, table + e[i].first, &e[i]);
			number = MAX(scan->count + 1, LOGICAL_FIRST);
		}
	}
	return more && ++scan->tables < TABLES_MAX && number <= BLOCK_PARTS;
}

bool mbr_take(struct mbr_scan *scan, const u8 *table)
{
	const struct entry *e = entries_of(table);

	if (!e || scan->extended)
		return e && take_logical(scan, e);
	for (unsigned i = 0; i < 4; i++) {
		if (!e[i].first) /* the table itself */
			continue;
		if (is_extended(&e[i]) && !scan->extended)
			scan->extended = e[i].first;
		else if (!is_extended(&e[i]))
			add(scan, i + 1, e[i].first, &e[i]);
	}
	return scan->extended && next_is(scan, scan->extended);
}

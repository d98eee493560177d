/* SPDX-License-Identifier: MIT */
/*
 * Inside the qcow2 format (QEMU's docs/interop/qcow2.txt): a guest's clusters are found by two levels of tables (L1, L2), and
 * which clusters of the file are taken is told by two levels of reference counts. qcow2.c says in which order they reach the disk.
 *
 * Offsets are bytes in the file unless a name says otherwise; a cluster's number is its offset in clusters. Functions return
 * 0 or -errno. -EIO after a sentence (qcow2_damaged) means that the image contradicts itself.
 */
#pragma once

#include "image.h"

/* What is in the file as a table, by the order in which it must reach the disk: each kind is what the next refers to. */
enum meta_rank {
	META_REFCOUNTS,
	META_REFTABLE,
	META_L2,
	META_L1,
	META_RANKS
};

#define META_SETS 64
#define META_WAYS 8
#define META_PAGE 4096

struct meta {
	uint64_t at; /* 0: nothing in it */
	uint64_t used;
	enum meta_rank rank;
	bool dirty;
	uint8_t *data;
};

struct change {
	uint64_t offset, old, new;
	uint64_t rank;
};

#define QCOW2_FREED   1024
#define QCOW2_CHANGES 256

struct qcow2 {
	struct image image;
	int fd;
	char *path;
	struct image *backing; /* NULL: none */

	unsigned version;
	unsigned cluster_bits;
	unsigned refcount_order;
	uint64_t cluster; /* bytes */
	uint64_t l1_at;
	uint64_t l1_entries;
	uint64_t reftable_at;
	uint64_t reftable_entries;
	bool dirty; /* when opened: counts may be too low */

	uint64_t file_size; /* bytes */
	uint64_t file_end;  /* in whole clusters: what is beyond was never written */
	uint64_t hint;      /* no cluster below this number is free */
	bool unsynced;      /* written since the last fdatasync */
	int broken;         /* the error of a failed fdatasync: what was written before may be lost */
	bool told;          /* about damage */

	/* Numbers of clusters that no table in memory refers to any more, but those on the disk may. */
	uint64_t freed[QCOW2_FREED];
	unsigned nr_freed;

	/* Changes: those that are in the file @log already, and those that are not. */
	int log;  /* -1: there is no such file, or it is not to be written yet: */
	int held; /* then it is this */
	char *log_path;
	size_t replayed; /* changes */
	uint64_t log_end;
	unsigned nr_changes;
	struct change changes[QCOW2_CHANGES];

	struct meta meta[META_SETS][META_WAYS];
	unsigned nr_dirty[META_RANKS];
	uint64_t clock;
	unsigned page; /* bytes of a `struct meta` */
};

/* Entries of L1 and L2. */
#define QCOW2_OFFSET     0x00fffffffffffe00ull
#define QCOW2_COPIED     (1ull << 63)
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO       1ull
#define QCOW2_RESERVED   (~(QCOW2_OFFSET | QCOW2_COPIED | QCOW2_COMPRESSED | QCOW2_ZERO))

/* The header's fields, by their offsets. */
#define QCOW2_MAGIC             0x514649fbu
#define QCOW2_VERSION           4
#define QCOW2_BACKING_AT        8
#define QCOW2_BACKING_LENGTH    16
#define QCOW2_CLUSTER_BITS      20
#define QCOW2_SIZE              24
#define QCOW2_CRYPT             32
#define QCOW2_L1_ENTRIES        36
#define QCOW2_L1_AT             40
#define QCOW2_REFTABLE_AT       48
#define QCOW2_REFTABLE_CLUSTERS 56
#define QCOW2_SNAPSHOTS         60
#define QCOW2_V2_LENGTH         72
#define QCOW2_INCOMPATIBLE      72
#define QCOW2_AUTOCLEAR         88
#define QCOW2_REFCOUNT_ORDER    96
#define QCOW2_LENGTH            100
#define QCOW2_V3_LENGTH         104
#define QCOW2_DIRTY             (1ull << 0)
#define QCOW2_CORRUPT           (1ull << 1)
#define QCOW2_EXTERNAL          (1ull << 2)
#define QCOW2_COMPRESSION       (1ull << 3)
#define QCOW2_EXTENDED          (1ull << 4)
#define QCOW2_BACKING_FORMAT    0xe2792acau
/* As QEMU has them. */
#define QCOW2_MIN_BITS     9
#define QCOW2_MAX_BITS     21
#define QCOW2_MAX_L1       (32u << 20)
#define QCOW2_MAX_REFTABLE (8u << 20)
/* Images behind one another. */
#define QCOW2_MAX_CHAIN 16

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static inline uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = v >> (24 - 8 * i);
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, v >> 32);
	put_be32(p + 4, v);
}

/* qcow2_grow.c. Make the disk larger, never smaller: -EINVAL. */
int qcow2_grow(struct image *image, uint64_t sectors);

/* qcow2_open.c. Read the header of the file that q->fd has open into *q, and open what lies behind it. */
int qcow2_read_header(struct qcow2 *q, const char *user, char *why, size_t size);

/* qcow2_open.c. Where the sentence goes that says why the image at @path is refused: @size bytes at @why. */
struct qcow2_answer {
	const char *path;
	char *why;
	size_t size;
};

/* Write it, behind the image's path. -EINVAL, always. */
int qcow2_refuse(const struct qcow2_answer *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* qcow2_walk.c. Look at every table: all that the image refers to is in the file, once, and counted (or, in a dirty image that
 * may be written, is counted afterwards). */
int qcow2_walk(struct qcow2 *q, char *why, size_t size);

/* qcow2_create.c. A new image, of version 3 with clusters of 64 KiB; @behind: the name of the image behind it as that of a file in the
 * new one's folder, or a whole path, and its format; or NULL. -EEXIST: there is such a file. */
int qcow2_create(const char *path, uint64_t sectors, const char *behind, const char *format);

/* qcow2_meta.c: tables through a cache. */
/* Say, once, that the image contradicts itself; -EIO. */
int qcow2_damaged(struct qcow2 *q, const char *what, uint64_t at);
int meta_init(struct qcow2 *q);
void meta_free(struct qcow2 *q);
/* The page with the byte at @offset, until the next call. */
int meta_get(struct qcow2 *q, uint64_t offset, enum meta_rank rank, struct meta **m);
/* Change the 8 bytes at @within of the page. */
void meta_put(struct qcow2 *q, struct meta *m, unsigned within, uint64_t value);
int meta_read64(struct qcow2 *q, uint64_t offset, enum meta_rank rank, uint64_t *value);
int meta_write64(struct qcow2 *q, uint64_t offset, enum meta_rank rank, uint64_t value);
/* All tables to the disk, in order, with what was written before. Then what was freed may be used again. */
int meta_flush(struct qcow2 *q);
/* Nothing of this range, which is written already, is a table any longer. */
void meta_forget(struct qcow2 *q, uint64_t offset, uint64_t bytes);
int qcow2_sync(struct qcow2 *q);
/* Zeros where the file's last cluster is not whole. */
int qcow2_pread(struct qcow2 *q, void *to, size_t bytes, uint64_t offset);
int qcow2_pwrite(struct qcow2 *q, const void *from, size_t bytes, uint64_t offset);
/* Zeros into clusters of the file, old or new. */
int qcow2_zero(struct qcow2 *q, uint64_t offset, uint64_t bytes);
/* The file becomes as long as this, if it is shorter; whole clusters. */
int qcow2_extend(struct qcow2 *q, uint64_t end);

/* qcow2_log.c: changes of tables that are in memory only, kept where they outlive this process. */
void log_open(struct qcow2 *q);
/* Do again, in memory, what a process that was killed had done. If the image is whole then, that goes to the disk, and a new
 * log is started. If not, the old one does not belong to it, and goes. */
int log_replay(struct qcow2 *q);
int log_start(struct qcow2 *q);
void log_reject(struct qcow2 *q);
/* @rank META_RANKS: the cluster at @offset was dropped. */
void log_change(struct qcow2 *q, enum meta_rank rank, uint64_t offset, uint64_t old, uint64_t new);
/* What was changed is in the log, or on the disk. To be called before the guest is answered. */
int log_commit(struct qcow2 *q);
/* All changes are on the disk. */
void log_empty(struct qcow2 *q);
void log_close(struct qcow2 *q);

/* qcow2_refs.c: which clusters are taken. */
uint64_t refs_per_block(const struct qcow2 *q);
int refs_get(struct qcow2 *q, uint64_t number, uint64_t *count);
/* -ENOENT: there is no block for it. */
int refs_set(struct qcow2 *q, uint64_t number, uint64_t count);
/* Set entry @index in a block, or get it. */
void refs_put(uint8_t *block, unsigned order, uint64_t index, uint64_t count);
uint64_t refs_peek(const uint8_t *block, unsigned order, uint64_t index);
/* Take clusters that follow one another: at least one, at most *count. */
int refs_take(struct qcow2 *q, uint64_t *count, uint64_t *at);
/* Exactly @count, at the end of the file. */
int refs_take_run(struct qcow2 *q, uint64_t count, uint64_t *at);
/* Nothing refers to this cluster, nor does anything on the disk. */
void refs_release(struct qcow2 *q, uint64_t number);
/* Nothing in memory refers to the cluster at @at any longer. */
void refs_drop(struct qcow2 *q, uint64_t at);

/* qcow2_map.c: where the guest's clusters lie. */
enum map_kind {
	MAP_HOLE,
	MAP_ZERO,
	MAP_DATA
};

struct map_run {
	enum map_kind kind;
	uint64_t at; /* of the first byte asked for, if MAP_DATA */
	uint64_t bytes;
};

/* What is at byte @guest of the disk, and how far, up to @bytes, the same goes on. */
int map_find(struct qcow2 *q, uint64_t guest, uint64_t bytes, struct map_run *run);
/* Set the entry of the guest's cluster; the cluster that it had, if any, is dropped. */
int map_set(struct qcow2 *q, uint64_t guest, uint64_t entry);

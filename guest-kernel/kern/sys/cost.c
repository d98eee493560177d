/* SPDX-License-Identifier: MIT */
/*
 * /dev/cost. "NAME ROUNDS", written to it, chooses an operation of the kernel's own; each 8 bytes read are then the
 * ticks of the time stamp counter that this many rounds of it took. Before that, reading gives the names, one per line.
 * Operations through the seam are here; those that are instructions or hypercalls are the machine's (its cost.c).
 * "nothing" is the loop itself.
 *
 * Interrupts are off, so nothing intervenes. What the operations change in the processor (page tables, timer,
 * stack, TLS) is set again before read() returns.
 */
#include "kern/sys/cost.h"
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "x86/cpu.h"

#define MINOR      201
#define ROUNDS_MAX 4096u
#define TABLE_SPAN ((ulong)TABLE_ENTRIES << PAGE_SHIFT)

struct choice {
	const struct cost_op *op; /* NULL: none yet */
	u32 rounds;
};

static void touch(const struct cost_room *room)
{
	(void)*(volatile char *)room->va;
}

static void nothing(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		barrier();
}

/* Alternates between the two frames, so that no update repeats the present entry. */
static void update(const struct cost_room *room, unsigned rounds, unsigned count)
{
	while (rounds--) {
		pte_batch_begin();
		for (unsigned i = 0; i < count; i++)
			pte_set(&room->entries[i], room->pte[rounds & 1]);
		pte_batch_end();
		touch(room);
	}
}

static void update_1(const struct cost_room *room, unsigned rounds)
{
	update(room, rounds, 1);
}

static void update_8(const struct cost_room *room, unsigned rounds)
{
	update(room, rounds, 8);
}

static void update_64(const struct cost_room *room, unsigned rounds)
{
	update(room, rounds, 64);
}

static void update_512(const struct cost_room *room, unsigned rounds)
{
	update(room, rounds, TABLE_ENTRIES);
}

/* A plain store in every build. Both values have the same upper half, so one store is enough in 32 bit too. */
static void store_entry(const struct cost_room *room, unsigned rounds)
{
	while (rounds--) {
		*(volatile ulong *)room->entries = room->pte[rounds & 1];
		touch(room);
	}
}

static void map_page(const struct cost_room *room, unsigned rounds)
{
	while (rounds--) {
		pte_set(room->entries, room->pte[0]);
		touch(room);
		pte_set(room->entries, 0);
		tlb_flush_page(room->va);
	}
}

static void flush_page(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		tlb_flush_page(room->va);
}

static void flush_all(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		tlb_flush_all();
}

static void set_stack(const struct cost_room *room, unsigned rounds)
{
	char *top = (char *)stack_base() + KERNEL_STACK_SIZE;

	while (rounds--)
		kernel_stack_set(top);
}

static const struct cost_op portable_ops[] = {
    {"nothing", nothing},    {"pte_1", update_1},         {"pte_8", update_8},    {"pte_64", update_64},
    {"pte_512", update_512}, {"pte_instr", store_entry},  {"map_page", map_page}, {"tlb_page", flush_page},
    {"tlb_all", flush_all},  {"kernel_stack", set_stack}, {NULL, NULL},
};

static const struct cost_op *const tables[] = {portable_ops, machine_cost_ops};

static const struct cost_op *find(const char *name)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct cost_op *op = tables[t]; op->name; op++) {
			if (!strcmp(op->name, name))
				return op;
		}
	}
	return NULL;
}

/* Entries for the operations: a whole leaf table, where the process has mapped nothing. The table stays. */
static int room_make(struct cost_room *room, struct mm *mm, const pfn_t frames[2])
{
	ulong gap = area_find_gap(mm, 2 * TABLE_SPAN);

	room->root = &mm->root;
	room->va = (gap + TABLE_SPAN - 1) & ~(TABLE_SPAN - 1);
	room->entries = gap ? pte_find(&mm->root, room->va, true) : NULL;
	if (!room->entries)
		return -ENOMEM;
	for (int i = 0; i < 2; i++)
		room->pte[i] = pte_make(frames[i], PTE_P | PTE_U | PTE_A);
	update(room, 1, TABLE_ENTRIES);
	return 0;
}

static void room_clear(const struct cost_room *room)
{
	pte_batch_begin();
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		pte_set(&room->entries[i], 0);
	pte_batch_end();
	tlb_flush_all();
}

/* Restores the state before; the timer fires at once, and the kernel then sets it as needed. */
static void processor_restore(const struct cost_room *room)
{
	root_switch(NULL);
	root_switch(room->root);
	kernel_stack_set((char *)stack_base() + KERNEL_STACK_SIZE);
	tls_load(current->regs.tls);
	timer_arm(time_ns());
}

static int sample(const struct choice *c, const struct cost_room *room, u64 *ticks, size_t n)
{
	int rc = cost_begin();

	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++) {
		u64 before = rdtsc();

		c->op->run(room, c->rounds);
		ticks[i] = rdtsc() - before;
	}
	cost_end();
	processor_restore(room);
	return 0;
}

static int sample_in_room(const struct choice *c, u64 *ticks, size_t n)
{
	pfn_t frames[2] = {page_alloc_zeroed(), page_alloc_zeroed()};
	struct cost_room room;
	int rc = frames[0] && frames[1] ? room_make(&room, current->process->mm, frames) : -ENOMEM;

	if (!rc) {
		rc = sample(c, &room, ticks, n);
		room_clear(&room);
	}
	for (int i = 0; i < 2; i++) {
		if (frames[i])
			page_free(frames[i]);
	}
	return rc;
}

static long read_samples(const struct choice *c, void *user, size_t n)
{
	u64 ticks[32];
	size_t count = MIN(n / sizeof(*ticks), ARRAY_SIZE(ticks));
	int rc = count ? sample_in_room(c, ticks, count) : -EINVAL;

	if (!rc)
		rc = copy_to_user(user, ticks, count * sizeof(*ticks));
	return rc ? rc : (long)(count * sizeof(*ticks));
}

static long read_names(void *user, size_t n, u64 *pos)
{
	static char text[1024];
	size_t len = 0;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct cost_op *op = tables[t]; op->name; op++)
			len += snprintf(text + len, sizeof(text) - len, "%s\n", op->name);
	}
	if (*pos >= len)
		return 0;
	n = MIN(n, len - *pos);
	if (copy_to_user(user, text + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

static long cost_read(struct file *file, void *user, size_t n, u64 *pos)
{
	const struct choice *c = file->private;

	return c->op ? read_samples(c, user, n) : read_names(user, n, pos);
}

/* "NAME ROUNDS" */
static long cost_write(struct file *file, const void *user, size_t n, u64 *pos)
{
	struct choice *c = file->private;
	char line[64], *rounds;

	if (n >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, user, n))
		return -EFAULT;
	line[n] = 0;
	rounds = strchr(line, ' ');
	if (!rounds)
		return -EINVAL;
	*rounds++ = 0;
	c->op = find(line);
	c->rounds = parse_number((const char **)&rounds, 10);
	if (!c->op)
		return -ENOENT;
	return c->rounds && c->rounds <= ROUNDS_MAX ? (long)n : -EINVAL;
}

static int cost_open(struct inode *inode, struct file *file)
{
	file->private = kzalloc(sizeof(struct choice));
	return file->private ? 0 : -ENOMEM;
}

static void cost_release(struct file *file)
{
	kfree(file->private);
}

static const struct file_ops cost_ops = {
    .open = cost_open,
    .release = cost_release,
    .read = cost_read,
    .write = cost_write,
};

void cost_init(void)
{
	devfs_add("cost", MKDEV(DEV_MISC, MINOR), 0600, &cost_ops);
}

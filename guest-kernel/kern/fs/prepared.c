/* SPDX-License-Identifier: MIT */
#include "kern/fs/prepared.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

#define KEEP_FREE 128 /* contents for mappings leave this many frames to programs */

void prepared_write(const struct prepared *p, u64 pos, const u8 *data, size_t n)
{
	for (size_t done = 0, part; done < n; done += part) {
		u64 index = (pos + done) >> PAGE_SHIFT, offset = (pos + done) & ~PAGE_MASK;

		part = MIN(n - done, (size_t)(PAGE_SIZE - offset));
		if (index < p->count)
			memcpy((char *)pfn_to_virt(p->frames[index]) + offset, data + done, part);
	}
}

void prepared_forget(struct prepared *p, ulong first)
{
	for (ulong i = first; i < p->count; i++)
		if (p->frames[i])
			page_put(p->frames[i]);
	p->count = MIN(p->count, first);
	if (first)
		return;
	kfree(p->frames);
	p->frames = NULL;
}

static int read_pages(struct prepared *p, prepared_read_t read, void *ctx)
{
	u64 size = (u64)p->count << PAGE_SHIFT;
	long got = 1;

	for (ulong i = 0; i < p->count; i++, kernel_breathe()) {
		p->frames[i] = page_free_count() > KEEP_FREE ? page_alloc_zeroed() : 0;
		if (!p->frames[i])
			return -ENOMEM;
	}
	for (u64 pos = 0; pos < size && got > 0; pos += got, kernel_breathe()) {
		got = read(ctx, pos, size - pos, p);
		if (got < 0)
			return got;
	}
	return 0;
}

int prepared_fill(struct prepared *p, const struct inode *inode, prepared_read_t read, void *ctx)
{
	struct prepared new = {.size = inode->size, .mtime = inode->mtime};
	int rc;

	if (prepared_already(p, inode))
		return 0;
	if (new.size >> PAGE_SHIFT > page_free_count())
		return -ENOMEM;
	new.count = (new.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	new.frames = kzalloc((new.count + 1) * sizeof(*new.frames));
	if (!new.frames)
		return -ENOMEM;
	rc = read_pages(&new, read, ctx);
	if (rc) {
		prepared_forget(&new, 0);
		return rc;
	}
	prepared_forget(p, 0);
	*p = new;
	return 0;
}

long prepared_peek(const struct prepared *p, const struct inode *inode, u64 pos, void *buf, size_t size)
{
	u64 end = MIN(inode->size, (u64)p->count << PAGE_SHIFT);
	size_t done = 0, part;

	size = pos < end ? MIN((u64)size, end - pos) : 0;
	for (; done < size; done += part) {
		ulong offset = (pos + done) & ~PAGE_MASK;

		part = MIN(size - done, PAGE_SIZE - offset);
		memcpy((char *)buf + done,
		       (char *)pfn_to_virt(p->frames[(pos + done) >> PAGE_SHIFT]) + offset, part);
	}
	return done;
}

ulong prepared_page(const struct prepared *p, ulong index)
{
	if (index >= p->count)
		return 0;
	page_get(p->frames[index]);
	return p->frames[index];
}

/* SPDX-License-Identifier: MIT */
/* The devices without hardware: null, zero, full, random, urandom; and kmsg, the kernel's log. */
#include "kern/fs/mem_devices.h"
#include "kern/console/log.h"
#include "kern/fs/devfs.h"
#include "kern/fs/random.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "machine.h"

static long read_nothing(struct file *file, void *buf, size_t n, u64 *pos)
{
	return 0;
}

static long read_zeros(struct file *file, void *buf, size_t n, u64 *pos)
{
	size_t done;

	for (done = 0; done < n; done += MIN(n - done, PAGE_SIZE), kernel_breathe()) {
		if (clear_user((char *)buf + done, MIN(n - done, PAGE_SIZE)))
			return -EFAULT;
	}
	return n;
}

static long read_random(struct file *file, void *buf, size_t n, u64 *pos)
{
	return random_to_user(buf, n);
}

static long swallow(struct file *file, const void *buf, size_t n, u64 *pos)
{
	return n;
}

static long refuse(struct file *file, const void *buf, size_t n, u64 *pos)
{
	return -ENOSPC;
}

static long write_log(struct file *file, const void *buf, size_t n, u64 *pos)
{
	char line[128];
	size_t part = MIN(n, sizeof(line) - 1);

	if (copy_from_user(line, buf, part))
		return -EFAULT;
	line[part] = 0;
	log_print("%s%s", line, part && line[part - 1] == '\n' ? "" : "\n");
	return n;
}

long log_read_user(void *buf, size_t n, u64 *pos)
{
	size_t done;
	char c;

	for (done = 0; done < n && log_next(pos, &c); done++)
		if (put_user(c, (char *)buf + done))
			return -EFAULT;
	return done;
}

static long read_log(struct file *file, void *buf, size_t n, u64 *pos)
{
	return log_read_user(buf, n, pos);
}

static const struct file_ops null_ops = {.read = read_nothing, .write = swallow, .seekable = true};
static const struct file_ops zero_ops = {.read = read_zeros, .write = swallow, .seekable = true};
static const struct file_ops full_ops = {.read = read_zeros, .write = refuse, .seekable = true};
static const struct file_ops random_ops = {.read = read_random, .write = swallow};
static const struct file_ops kmsg_ops = {.read = read_log, .write = write_log};

void mem_devices_init(void)
{
	devfs_add("null", MKDEV(1, 3), 0666, &null_ops);
	devfs_add("zero", MKDEV(1, 5), 0666, &zero_ops);
	devfs_add("full", MKDEV(1, 7), 0666, &full_ops);
	devfs_add("random", MKDEV(1, 8), 0666, &random_ops);
	devfs_add("urandom", MKDEV(1, 9), 0666, &random_ops);
	devfs_add("kmsg", MKDEV(1, 11), 0600, &kmsg_ops);
}

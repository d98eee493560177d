/* SPDX-License-Identifier: MIT */
/* Copies to and from user memory: the range is checked here, page faults are resolved by trap(). */
#include "kern/mm/user.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "machine.h"

static bool user_range(const void *p, size_t n)
{
	return (ulong)p <= USER_END && n <= USER_END - (ulong)p;
}

int copy_from_user(void *to, const void *from, size_t n)
{
	return user_range(from, n) && !user_copy(to, from, n) ? 0 : -EFAULT;
}

int copy_to_user(void *to, const void *from, size_t n)
{
	return user_range(to, n) && !user_copy(to, from, n) ? 0 : -EFAULT;
}

int clear_user(void *to, size_t n)
{
	static const u8 zeros[PAGE_SIZE];
	char *p = to;

	for (; n; n -= MIN(n, sizeof(zeros)), p += sizeof(zeros)) {
		if (copy_to_user(p, zeros, MIN(n, sizeof(zeros))))
			return -EFAULT;
	}
	return 0;
}

/* In pieces that do not cross a page, since the page after the string need not exist. */
long strncpy_from_user(char *to, const char *from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t part = MIN(size - done, PAGE_SIZE - ((ulong)(from + done) & ~PAGE_MASK));
		const char *end;

		part = MIN(part, (size_t)64);
		if (copy_from_user(to + done, from + done, part))
			return -EFAULT;
		end = memchr(to + done, 0, part);
		if (end)
			return end - to;
		done += part;
	}
	return -ENAMETOOLONG;
}

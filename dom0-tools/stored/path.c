/* SPDX-License-Identifier: MIT */
/* See path.h. Limits are those of xen/io/xs_wire.h. */
#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xs_wire.h>

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@";

int path_canonical(unsigned id, const char *text, char out[PATH_SIZE])
{
	size_t len = strlen(text), max = text[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX;

	if (!len || len > max || strspn(text, allowed) != len || strstr(text, "//"))
		return -EINVAL;
	if (len > 1 && text[len - 1] == '/')
		return -EINVAL;
	if (text[0] == '/')
		memcpy(out, text, len + 1);
	else
		snprintf(out, PATH_SIZE, "/local/domain/%u/%s", id, text);
	return 0;
}

size_t path_home_len(unsigned id)
{
	return snprintf(NULL, 0, "/local/domain/%u/", id);
}

const char *path_name(const char **at, size_t *len)
{
	const char *name = *at + (**at == '/');

	*len = strcspn(name, "/");
	*at = name + *len;
	return *len ? name : NULL;
}

long number_of(const char *text, long max)
{
	long n = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		n = n * 10 + (*text - '0');
		if (n > max)
			return -1;
	}
	return n;
}

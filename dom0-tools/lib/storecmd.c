/* SPDX-License-Identifier: MIT */
/* See storecmd.h. Values are shown with everything unprintable as \xx. */
#include "storecmd.h"
#include "err.h"
#include "files.h"
#include "xs.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char store_help[] =
    "  ls [-p] [PATH]           the tree below a node, with values; -p: permissions\n"
    "  list PATH                names of a node's children\n"
    "  read PATH...             values\n"
    "  write PATH VALUE [...]   set values, making the nodes if need be\n"
    "  rm PATH...               remove nodes with all below\n"
    "  watch [-n COUNT] [-t SECONDS] PATH...\n"
    "                           print the path of each change; until COUNT, or for SECONDS\n"
    "  chmod PATH PERM...       set permissions: owner first, as in n0 r5; r, w, b(oth), n(one)\n"
    "  list-perms PATH          print them\n\n"
    "A PATH that does not begin with / is below the domain's own /local/domain/ID.\n";

static int failed(const char *what, const char *path)
{
	fail_errno(errno, "store %s %s", what, path);
	return 1;
}

static void show(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (isprint((unsigned char)value[i]))
			putchar(value[i]);
		else
			printf("\\%02x", (unsigned char)value[i]);
	}
}

static int do_read(struct xs *xs, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t len;
		char *value = xs_read(xs, 0, argv[i], &len);

		if (!value)
			return failed("read", argv[i]);
		show(value, len);
		putchar('\n');
		free(value);
	}
	return 0;
}

static int do_write(struct xs *xs, int argc, char **argv)
{
	if (argc % 2 == 0)
		return 2;
	for (int i = 1; i < argc; i += 2)
		if (xs_write(xs, 0, argv[i], argv[i + 1], strlen(argv[i + 1])))
			return failed("write", argv[i]);
	return 0;
}

static int do_rm(struct xs *xs, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (xs_rm(xs, 0, argv[i]))
			return failed("rm", argv[i]);
	return 0;
}

static void show_perms(struct xs *xs, const char *path)
{
	size_t len;
	char *perms = xs_get_perms(xs, 0, path, &len);

	for (size_t at = 0; perms && at < len; at += strlen(perms + at) + 1)
		printf("%s%s", at ? " " : "", perms + at);
	free(perms);
}

static int do_list_perms(struct xs *xs, int argc, char **argv)
{
	size_t len;
	char *perms = argc == 2 ? xs_get_perms(xs, 0, argv[1], &len) : NULL;

	if (argc != 2)
		return 2;
	if (!perms)
		return failed("list-perms", argv[1]);
	free(perms);
	show_perms(xs, argv[1]);
	putchar('\n');
	return 0;
}

static int do_chmod(struct xs *xs, int argc, char **argv)
{
	char perms[256];
	size_t len = 0;

	if (argc < 3)
		return 2;
	for (int i = 2; i < argc; i++) {
		size_t n = strlen(argv[i]) + 1;

		if (n > sizeof(perms) - len)
			return 2;
		memcpy(perms + len, argv[i], n);
		len += n;
	}
	return xs_set_perms(xs, 0, argv[1], perms, len) ? failed("chmod", argv[1]) : 0;
}

static int do_list(struct xs *xs, int argc, char **argv)
{
	size_t len;
	char *names = argc == 2 ? xs_directory(xs, 0, argv[1], &len) : NULL;

	if (argc != 2)
		return 2;
	if (!names)
		return failed("list", argv[1]);
	for (size_t at = 0; at < len; at += strlen(names + at) + 1)
		puts(names + at);
	free(names);
	return 0;
}

static void show_tree(struct xs *xs, const char *path, int depth, bool perms)
{
	size_t len, value_len;
	char *names = xs_directory(xs, 0, path, &len);

	for (size_t at = 0; names && at < len; at += strlen(names + at) + 1) {
		char child[3072], *value;

		snprintf(child, sizeof(child), "%s%s%s", path, strcmp(path, "/") ? "/" : "", names + at);
		value = xs_read(xs, 0, child, &value_len);
		printf("%*s%s", depth, "", names + at);
		if (value) {
			printf(" = \"");
			show(value, value_len);
			putchar('"');
		}
		if (perms) {
			printf("  (");
			show_perms(xs, child);
			putchar(')');
		}
		putchar('\n');
		free(value);
		show_tree(xs, child, depth + 1, perms);
	}
	free(names);
}

static int do_ls(struct xs *xs, int argc, char **argv)
{
	bool perms = argc > 1 && !strcmp(argv[1], "-p");
	const char *path = argc > 1 + perms ? argv[1 + perms] : "/";
	size_t len;
	char *names;

	if (argc > 2 + perms)
		return 2;
	names = xs_directory(xs, 0, path, &len);
	if (!names)
		return failed("ls", path);
	free(names);
	show_tree(xs, path, 0, perms);
	return 0;
}

static int do_watch(struct xs *xs, int argc, char **argv)
{
	long count = -1, left = -1;
	int at = 1;
	uint64_t until;

	for (; at < argc && argv[at][0] == '-'; at += 2) {
		if (at + 1 == argc)
			return 2;
		if (!strcmp(argv[at], "-n"))
			count = strtol(argv[at + 1], NULL, 10);
		else if (!strcmp(argv[at], "-t"))
			left = strtol(argv[at + 1], NULL, 10) * 1000;
		else
			return 2;
	}
	if (at >= argc)
		return 2;
	for (int i = at; i < argc; i++)
		if (xs_watch(xs, argv[i], argv[i]))
			return failed("watch", argv[i]);
	until = now_ms() + (left < 0 ? 0 : left);
	for (; count; count -= count > 0) {
		char *event = xs_event(xs, left < 0 ? -1 : left);

		if (!event)
			return left < 0 ? failed("watch", argv[at]) : 0;
		puts(event);
		fflush(stdout);
		free(event);
		if (left >= 0)
			left = now_ms() < until ? (long)(until - now_ms()) : 0;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct xs *xs, int argc, char **argv);
	int least; /* arguments */
} commands[] = {
    {"ls", do_ls, 0}, {"list", do_list, 1},   {"read", do_read, 1},   {"write", do_write, 2},
    {"rm", do_rm, 1}, {"watch", do_watch, 1}, {"chmod", do_chmod, 2}, {"list-perms", do_list_perms, 1},
};

int store_command(int argc, char **argv)
{
	size_t i = 0, n = sizeof(commands) / sizeof(*commands);
	struct xs *xs;
	int code = 2;

	while (argc && i < n && strcmp(commands[i].name, argv[0]))
		i++;
	if (argc && i < n && argc - 1 >= commands[i].least) {
		xs = xs_shared();
		code = xs ? commands[i].run(xs, argc, argv) : 1;
	}
	if (code == 2)
		fail("usage: store COMMAND, where COMMAND is one of\n%s", store_help);
	return code;
}

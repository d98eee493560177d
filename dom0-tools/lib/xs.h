/* SPDX-License-Identifier: MIT */
/*
 * A client of the store, through Linux's /dev/xen/xenbus: writes requests, reads replies and events. One
 * request at a time; events that come in between are kept for xs_event(). No reports; errors are errno's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs;

/* NULL: ENXIO or ENOENT where there is no store. */
struct xs *xs_open(void);
void xs_close(struct xs *xs);
/* This process's connection, opened at its first use; NULL and a report (once). */
struct xs *xs_shared(void);
/* Readable when there may be an event; before poll(), ask xs_pending(), too. */
int xs_fd(const struct xs *xs);
/* An event came while a reply was awaited: it has been read, so xs_fd() does not tell of it. Linux gives the first event of a
 * watch before the reply to xs_watch(). */
bool xs_pending(const struct xs *xs);

/* All of these: 0, or -1 and errno. @tx: a transaction, or 0. Texts that are returned are malloc()ed and have
 * a zero byte behind them. */
char *xs_read(struct xs *xs, uint32_t tx, const char *path, size_t *len); /* @len may be NULL */
int xs_write(struct xs *xs, uint32_t tx, const char *path, const void *value, size_t len);
int xs_print(struct xs *xs, uint32_t tx, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int xs_mkdir(struct xs *xs, uint32_t tx, const char *path);
int xs_rm(struct xs *xs, uint32_t tx, const char *path);
/* Names of all children, each with a zero byte behind it. */
char *xs_directory(struct xs *xs, uint32_t tx, const char *path, size_t *len);
/* Permissions as texts, "n0" "r5", in the same form. */
char *xs_get_perms(struct xs *xs, uint32_t tx, const char *path, size_t *len);
int xs_set_perms(struct xs *xs, uint32_t tx, const char *path, const char *perms, size_t len);

uint32_t xs_start(struct xs *xs); /* 0: failed */
/* errno EAGAIN: another client changed what it depends on; do it all again. */
int xs_end(struct xs *xs, uint32_t tx, int commit);

int xs_watch(struct xs *xs, const char *path, const char *token);
int xs_unwatch(struct xs *xs, const char *path, const char *token);
/* The next event, waiting at most @timeout_ms (-1: for ever): its path; the token is behind the path's zero byte.
 * NULL: none came. */
char *xs_event(struct xs *xs, int timeout_ms);

int xs_introduce(struct xs *xs, unsigned id, uint64_t mfn, unsigned port);
/* When it returns, the store has let go of the domain's page. */
int xs_release(struct xs *xs, unsigned id);

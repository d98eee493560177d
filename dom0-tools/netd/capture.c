/* SPDX-License-Identifier: MIT */
/* See capture.h. */
#include "capture.h"
#include "pcapng.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERFACES_MAX 256

static struct capture {
	FILE *file; /* NULL: a free place */
	pid_t pid;
	char what[PORT_NAME];
	uint16_t vid;
	uint64_t left, frames, missed;
	char names[INTERFACES_MAX][PORT_NAME];
	unsigned interfaces;
} * captures[CAPTURES_MAX];

static bool wants(const struct capture *c, const struct switch_port *p, const struct frame *f)
{
	unsigned dom, dev;

	if (c->vid)
		return f->vid == c->vid;
	if (!strcmp(c->what, "all") || !strcmp(c->what, p->name))
		return true;
	return !strncmp(c->what, "dom", 3) && sscanf(p->id, "vif%u.%u", &dom, &dev) == 2 &&
	       dom == strtoul(c->what + 3, NULL, 10);
}

static bool put(struct capture *c, const void *bytes, size_t len)
{
	return fwrite(bytes, 1, len, c->file) == len;
}

/* Its number; one that is new is described first. -1: there are too many. */
static int interface_of(struct capture *c, const char *name)
{
	uint8_t block[PCAPNG_HEAD_MAX];
	size_t len;

	for (unsigned i = 0; i < c->interfaces; i++)
		if (!strcmp(c->names[i], name))
			return (int)i;
	len = pcapng_interface(block, name);
	if (c->interfaces == INTERFACES_MAX || len > c->left || !put(c, block, len))
		return -1;
	c->left -= len;
	snprintf(c->names[c->interfaces], PORT_NAME, "%s", name);
	return (int)c->interfaces++;
}

static void write_frame(struct capture *c, const struct switch_port *p, const struct frame *f,
			const uint8_t *tag, bool out)
{
	uint8_t head[PCAPNG_HEAD_MAX], tail[PCAPNG_TAIL_MAX];
	uint32_t len = f->len + (tag ? ETH_TAG : 0);
	int interface = interface_of(c, p->name);
	size_t head_len, tail_len;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	head_len =
	    pcapng_packet(head, (uint32_t)interface, (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec,
			  len, out, tail, &tail_len);
	if (interface < 0 || head_len + len + tail_len > c->left) {
		c->left = 0; /* no gap in what is there */
		c->missed++;
		return;
	}
	c->left -= head_len + len + tail_len;
	c->frames++;
	if (!put(c, head, head_len) || !put(c, f->data, 2 * ETH_ADDRESS) || (tag && !put(c, tag, ETH_TAG)) ||
	    !put(c, f->data + 2 * ETH_ADDRESS, f->len - 2 * ETH_ADDRESS) || !put(c, tail, tail_len))
		c->left = 0; /* its disk is full */
}

void capture_observe(struct switch_port *p, const struct frame *f, bool tagged, bool out)
{
	struct frame *whole = NULL;
	uint8_t tag[ETH_TAG];

	frame_tag(f, tag);
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		if (!captures[i] || !wants(captures[i], p, f))
			continue;
		if (f->blank && !whole)
			whole = frame_finished(f); /* who looks at it would take it for damaged */
		write_frame(captures[i], p, whole ? whole : f, tagged ? tag : NULL, out);
	}
	frame_drop(whole);
}

int capture_start(pid_t pid, uint64_t bytes, const char *what, const char *path, char *why, size_t size)
{
	uint8_t block[PCAPNG_HEAD_MAX];
	struct capture **place = captures, *c;

	while (place < captures + CAPTURES_MAX && *place)
		place++;
	c = place < captures + CAPTURES_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (c)
		c->file = fopen(path, "wbe");
	if (!c || !c->file) {
		snprintf(why, size, c ? "%s: %s" : "%s: there are as many captures as there can be", path,
			 strerror(errno));
		free(c);
		return -1;
	}
	c->pid = pid;
	c->left = bytes;
	snprintf(c->what, sizeof(c->what), "%s", what);
	if (!strncmp(what, "vlan", 4))
		c->vid = (uint16_t)strtoul(what + 4, NULL, 10);
	*place = c;
	c->left -= pcapng_section(block);
	put(c, block, pcapng_section(block));
	fflush(c->file);
	return 0;
}

static void end(struct capture **place, char *said, size_t size)
{
	struct capture *c = *place;

	snprintf(said, size, "%llu frames%s", (unsigned long long)c->frames,
		 c->missed ? "; the file has the size that it may have, and more have come" : "");
	fclose(c->file);
	free(c);
	*place = NULL;
}

bool capture_stop(pid_t pid, char *said, size_t size)
{
	for (unsigned i = 0; i < CAPTURES_MAX; i++)
		if (captures[i] && captures[i]->pid == pid) {
			end(&captures[i], said, size);
			return true;
		}
	return false;
}

bool capture_tend(void)
{
	char said[128];
	bool some = false;

	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		if (captures[i] && kill(captures[i]->pid, 0) && errno == ESRCH)
			end(&captures[i], said, sizeof(said));
		if (captures[i])
			fflush(captures[i]->file);
		some |= captures[i] != NULL;
	}
	return some;
}

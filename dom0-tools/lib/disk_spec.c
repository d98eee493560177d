/* SPDX-License-Identifier: MIT */
/*
 * The grammar of a disk (disk_spec.h). A text is taken apart by the rules below: of those that match at its beginning the one
 * that reaches furthest holds, of equals the first, and so on with what it leaves. That is how libxlutil's scanner
 * works, and it explains what looks odd: `target=` takes all that follows, a prefix is one in any position, and spaces before a
 * parameter vanish while those behind it belong to it. tests/host/tools_xl_disk.c compares the two.
 */
#include "disk_spec.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parse {
	struct disk *disk;
	char *why;
	bool access_placed; /* by its position */
	bool prefixed;      /* then no position is the format's */
	int colo;           /* which of its texts were said */
};

int disk_refuse(char why[DISK_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, DISK_WHY, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- Values ---- */

struct word {
	const char *word;
	int value;
};

static const struct word formats[] = {
    {"", DISK_RAW},    {"raw", DISK_RAW}, {"qcow", DISK_QCOW}, {"qcow2", DISK_QCOW2}, {"vhd", DISK_VHD},
    {"qed", DISK_QED}, {NULL, 0}};
static const struct word accesses[] = {{"", false},  {"rw", false}, {"w", false},
				       {"ro", true}, {"r", true},   {NULL, 0}};
static const struct word kinds[] = {{"cdrom", true}, {"disk", false}, {NULL, 0}};
static const struct word types[] = {
    {"phy", DISK_PHY}, {"tap", DISK_TAP}, {"qdisk", DISK_QDISK}, {"standalone", DISK_STANDALONE}, {NULL, 0}};
static const struct word models[] = {{"xen", DISK_XEN}, {"virtio", DISK_VIRTIO}, {NULL, 0}};

/* -1: not among @words. */
static int value_of(const struct word *words, const char *word)
{
	for (; words->word; words++)
		if (!strcmp(words->word, word))
			return words->value;
	return -1;
}

static int said_twice(struct parse *p, const char *what, const char *value)
{
	return disk_refuse(p->why, "its %s is said twice, the second time as \"%s\"; leave one out", what,
			   value);
}

/* Nothing overwrites a text that is not empty. */
static int keep(struct parse *p, char **text, const char *what, const char *value)
{
	if (*text && **text)
		return said_twice(p, what, value);
	free(*text);
	*text = strdup(value);
	return *text ? 0 : disk_refuse(p->why, "out of memory");
}

static int take_format(struct parse *p, const char *word, const char *value)
{
	int format = value_of(formats, value);

	(void)word;
	if (format < 0)
		return disk_refuse(p->why,
				   "\"%s\" is no format; needed: raw or qcow2 behind the target, as in "
				   "\"/vm/a.img,raw,xvda,w\"",
				   value);
	if (p->disk->format && (int)p->disk->format != format)
		return said_twice(p, "format", value);
	p->disk->format = format;
	return 0;
}

static int take_access(struct parse *p, const char *word, const char *value)
{
	int readonly = value_of(accesses, value);

	(void)word;
	if (readonly < 0 && strchr(value, '!'))
		return disk_refuse(
		    p->why,
		    "access \"%s\" would let two domains write one image, which ruins it; needed: w "
		    "or r, and an image of its own for each writer",
		    value);
	if (readonly < 0 && (!strcmp(value, "untrusted") || !strcmp(value, "trusted")))
		return disk_refuse(
		    p->why, "\"%s\" is known to xl's manual, but not to its library; leave it out", value);
	if (readonly < 0)
		return disk_refuse(p->why, "\"%s\" is no access; needed: w or rw, r or ro", value);
	p->disk->readonly = readonly;
	return 0;
}

static int take_kind(struct parse *p, const char *word, const char *value)
{
	int cdrom = value_of(kinds, value);

	(void)word;
	if (cdrom < 0)
		return disk_refuse(p->why, "\"%s\" is no kind of device; needed: disk or cdrom", value);
	p->disk->cdrom = cdrom;
	return 0;
}

static int take_type(struct parse *p, const char *word, const char *value)
{
	int type = value_of(types, value);

	(void)word;
	if (type < 0)
		return disk_refuse(
		    p->why, "\"%s\" is no kind of back end; needed: phy or qdisk, or no backendtype", value);
	if (p->disk->type && (int)p->disk->type != type)
		return said_twice(p, "backendtype", value);
	p->disk->type = type;
	return 0;
}

static int take_model(struct parse *p, const char *word, const char *value)
{
	int model = value_of(models, value);

	(void)word;
	if (model < 0)
		return disk_refuse(p->why, "\"%s\" is no specification; needed: xen, or no specification",
				   value);
	if (p->disk->model && (int)p->disk->model != model)
		return said_twice(p, "specification", value);
	p->disk->model = model;
	return 0;
}

static int take_text(struct parse *p, const char *word, const char *value)
{
	struct disk *d = p->disk;

	switch (*word) {
	case 't':
		return keep(p, &d->target, "target", value);
	case 'v':
		return keep(p, &d->vdev, "vdev", value);
	case 's':
		return keep(p, &d->script, "script", value);
	default:
		return keep(p, &d->backend, "backend", value);
	}
}

static int take_flag(struct parse *p, const char *word, const char *value)
{
	struct disk *d = p->disk;

	(void)value;
	if (!strcmp(word, "cdrom"))
		d->cdrom = true;
	else if (!strcmp(word, "direct-io-safe"))
		d->direct_io_safe = true;
	else
		d->discard = *word == 'd' ? DISK_DISCARD : DISK_NO_DISCARD;
	return 0;
}

static int take_colo(struct parse *p, const char *word, const char *value)
{
	static const struct word texts[] = {
	    {"colo-host=", 1}, {"colo-export=", 2}, {"active-disk=", 4}, {"hidden-disk=", 8}, {NULL, 0}};
	int bit = value_of(texts, word);

	p->disk->colo |= strcmp(word, "no-colo") != 0;
	if (!strcmp(word, "colo-port=") && !strtol(value, NULL, 10))
		return disk_refuse(p->why, "colo-port=%s is no port; leave it out", value);
	if (bit < 0 || !*value)
		return 0;
	if (p->colo & bit)
		return disk_refuse(p->why, "%s is said twice, the second time as \"%s\"; leave both out",
				   word, value);
	p->colo |= bit;
	return 0;
}

static int take_prefix(struct parse *p, const char *word, const char *value)
{
	static const char scripts[] = "nbd: enbd: iscsi: drbd:";
	char script[32];

	p->prefixed = true;
	p->disk->phy |= !strcmp(word, "phy:");
	if (value_of(formats, value) > 0)
		return take_format(p, word, value);
	if (!strstr(scripts, word))
		return 0;
	snprintf(script, sizeof(script), "block-%s", value);
	return keep(p, &p->disk->script, "script", script);
}

/* ---- Positions ---- */

/* "xvda", and as it was once written, "hdc:cdrom". */
static int place_vdev(struct parse *p, const char *value)
{
	char *colon;

	if (keep(p, &p->disk->vdev, "vdev", value))
		return -1;
	colon = strrchr(p->disk->vdev, ':');
	if (!colon)
		return 0;
	*colon = '\0';
	return take_kind(p, "", colon + 1);
}

static int place(struct parse *p, const char *word, const char *value)
{
	struct disk *d = p->disk;

	if (!d->target)
		return keep(p, &d->target, "target", value);
	if (!p->prefixed && !d->format) {
		/* ",hdc:cdrom" leaves two positions out. */
		if (*d->target || !strchr(value, ':'))
			return take_format(p, word, value);
		d->format = DISK_EMPTY;
	}
	if (!d->vdev)
		return place_vdev(p, value);
	if (p->access_placed)
		return disk_refuse(
		    p->why,
		    "\"%s\" is one position too many; needed: target, format, vdev, access, then "
		    "only key=value",
		    value);
	p->access_placed = true;
	return take_access(p, word, value);
}

/* ---- Rules ---- */

enum form {
	FLAG,   /* the word, and a comma if there is one */
	KEY,    /* what follows up to the comma is its value */
	REST,   /* all that follows is */
	PREFIX, /* holds if it is a prefix of anything; only the word is taken */
	BLANKS,
	OTHER_KEY,
	OTHER_PREFIX,
	POSITION,
	NOTHING_ELSE
};

struct rule {
	const char *word;
	enum form form;
	int (*take)(struct parse *p, const char *word, const char *value);
};

static int skip(struct parse *p, const char *word, const char *value)
{
	(void)p, (void)word, (void)value;
	return 0;
}

static int no_such_key(struct parse *p, const char *word, const char *value)
{
	(void)word;
	return disk_refuse(
	    p->why,
	    "\"%.*s\" is no parameter of a disk; needed: target, format, vdev, access, devtype, "
	    "backendtype",
	    (int)strcspn(value, "="), value);
}

static int no_such_prefix(struct parse *p, const char *word, const char *value)
{
	(void)word;
	return disk_refuse(
	    p->why, "\"%s\" is no prefix of a target; needed: the path alone, or phy: or file:", value);
}

static int no_syntax(struct parse *p, const char *word, const char *value)
{
	(void)word;
	return disk_refuse(p->why,
			   "\"%s\" fits nowhere; a target with a '=' in it is written last, as in "
			   "\"vdev=xvda,target=/vm/a=b\"",
			   value);
}

static const struct rule rules[] = {
    {"", BLANKS, skip},
    {"format=", KEY, take_format},
    {"cdrom", FLAG, take_flag},
    {"devtype=", KEY, take_kind},
    {"access=", KEY, take_access},
    {"backend=", KEY, take_text},
    {"backendtype=", KEY, take_type},
    {"specification=", KEY, take_model},
    {"vdev=", KEY, take_text},
    {"script=", KEY, take_text},
    {"direct-io-safe", FLAG, take_flag},
    {"discard", FLAG, take_flag},
    {"no-discard", FLAG, take_flag},
    {"colo", FLAG, take_colo},
    {"no-colo", FLAG, take_colo},
    {"colo-host=", KEY, take_colo},
    {"colo-port=", KEY, take_colo},
    {"colo-export=", KEY, take_colo},
    {"active-disk=", KEY, take_colo},
    {"hidden-disk=", KEY, take_colo},
    {"target=", REST, take_text},
    {"", OTHER_KEY, no_such_key},
    {"raw:", PREFIX, take_prefix},
    {"qcow:", PREFIX, take_prefix},
    {"qcow2:", PREFIX, take_prefix},
    {"vhd:", PREFIX, take_prefix},
    {"nbd:", PREFIX, take_prefix},
    {"enbd:", PREFIX, take_prefix},
    {"iscsi:", PREFIX, take_prefix},
    {"drbd:", PREFIX, take_prefix},
    {"tapdisk:", PREFIX, take_prefix},
    {"tap:", PREFIX, take_prefix},
    {"tap2:", PREFIX, take_prefix},
    {"aio:", PREFIX, take_prefix},
    {"ioemu:", PREFIX, take_prefix},
    {"file:", PREFIX, take_prefix},
    {"phy:", PREFIX, take_prefix},
    {"", OTHER_PREFIX, no_such_prefix},
    {"", POSITION, place},
    {"", NOTHING_ELSE, no_syntax},
};
#define NR_RULES (sizeof(rules) / sizeof(*rules))

static const char small[] = "abcdefghijklmnopqrstuvwxyz", name[] = "abcdefghijklmnopqrstuvwxyz0123456789",
		  key[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

/* With the comma behind the first @len bytes, if there is one. */
static size_t with_comma(const char *at, size_t len)
{
	return len + (at[len] == ',');
}

/* How far a rule reaches that has no word of its own; *taken is what it takes of that. */
static size_t reach_of_form(enum form form, const char *at, size_t *taken)
{
	size_t line = strcspn(at, "\n"), n;

	switch (form) {
	case BLANKS:
		n = *taken = strspn(at, " \t\n");
		return n ? n + strcspn(at + n, "\n") : 0;
	case OTHER_KEY:
		n = strspn(at, key);
		if (!strspn(at, small) || at[n] != '=' || !at[n + 1] || at[n + 1] == ',')
			return 0;
		return *taken = with_comma(at, n + 2);
	case OTHER_PREFIX:
		n = strspn(at, name);
		if (!strspn(at, small) || at[n] != ':')
			return 0;
		*taken = ++n;
		return at[n] && !strspn(at + n, name) ? n + 1 + strcspn(at + n + 1, "\n") : n;
	case POSITION:
		n = strcspn(at, "=,");
		return *taken = with_comma(at, n);
	default:
		*taken = line;
		return 1;
	}
}

static size_t reach(const struct rule *r, const char *at, size_t *taken)
{
	size_t len = strlen(r->word);

	if (r->form >= BLANKS)
		return reach_of_form(r->form, at, taken);
	if (strncmp(at, r->word, len))
		return 0;
	*taken = r->form == FLAG  ? with_comma(at, len)
		 : r->form == KEY ? with_comma(at, strcspn(at, ","))
				  : strcspn(at, "\n");
	if (r->form != PREFIX)
		return *taken;
	*taken = len;
	return strcspn(at, "\n");
}

/* What a rule is given of the bytes that it takes. */
static int apply(struct parse *p, const struct rule *r, const char *at, size_t taken)
{
	size_t skipped = r->form == KEY || r->form == REST ? strlen(r->word) : 0;
	char last = at[taken - 1];
	char *value;
	int rc;

	if (r->form == PREFIX ? last == ':' : last == ',' && r->form != NOTHING_ELSE)
		taken--;
	value = strndup(at + skipped, taken > skipped ? taken - skipped : 0);
	rc = value ? r->take(p, r->word, value) : disk_refuse(p->why, "out of memory");
	free(value);
	return rc;
}

/* What follows from all that was said. */
static int complete(struct parse *p)
{
	struct disk *d = p->disk;

	if (!d->format)
		d->format = DISK_RAW;
	if (d->cdrom) {
		d->readonly = true;
		if (!d->target || !*d->target)
			d->format = DISK_EMPTY;
	}
	if (!d->vdev)
		return disk_refuse(p->why, "it has no vdev; needed: the guest's name for it, as in "
					   "\"/vm/a.img,raw,xvda,w\"");
	if (!d->target && !d->cdrom)
		return disk_refuse(p->why, "it has no target; needed: a file or block device, as in "
					   "\"/vm/a.img,raw,xvda,w\" (only a cdrom may be empty)");
	return 0;
}

static int parse_part(struct parse *p, const char *spec)
{
	for (size_t taken = 0; *spec; spec += taken) {
		const struct rule *best = NULL;
		size_t furthest = 0;

		for (size_t i = 0; i < NR_RULES; i++) {
			size_t takes = 0, reaches = reach(&rules[i], spec, &takes);

			if (reaches <= furthest)
				continue;
			furthest = reaches;
			best = &rules[i];
			taken = takes;
		}
		if (apply(p, best, spec, taken))
			return -1;
	}
	return 0;
}

int disk_parse_parts(size_t n, char *const parts[], struct disk *disk, char why[DISK_WHY])
{
	struct parse p = {.disk = disk, .why = why};

	memset(disk, 0, sizeof(*disk));
	for (size_t i = 0; i < n; i++)
		if (parse_part(&p, parts[i]))
			return -1;
	return complete(&p);
}

int disk_parse(const char *spec, struct disk *disk, char why[DISK_WHY])
{
	char *part = (char *)spec;

	return disk_parse_parts(1, &part, disk, why);
}

void disk_clear(struct disk *disk)
{
	free(disk->target);
	free(disk->vdev);
	free(disk->script);
	free(disk->backend);
	memset(disk, 0, sizeof(*disk));
}

const char *disk_format_name(enum disk_format format)
{
	for (const struct word *w = formats + 1; w->word; w++)
		if (w->value == (int)format)
			return w->word;
	return "";
}

/* SPDX-License-Identifier: MIT */
/*
 * See domconf.h. The settings are the rows at the end, in the order in which they are read. A new one is a row here and a
 * field of struct domconf; `rl help settings` and, by `make docs`, the table of docs/rl.md come from the rows.
 */
#include "build.h"
#include "domconf.h"
#include "err.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#define MEM_SLACK 1024 /* KiB above maxmem, as xl allows for the shared pages */

const char *name_fault(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= RECORD_NAME_MAX)
		return "needed: 1 to 63 characters";
	for (const char *p = name; *p; p++)
		if (iscntrl((unsigned char)*p) || strchr("/\"'\\", *p))
			return "needed: a name without quotes, '/', '\\' and control characters";
	if (name[0] == ' ' || name[len - 1] == ' ')
		return "needed: a name without blanks at its ends";
	if (strspn(name, "0123456789") == len)
		return "it could be taken for an id; begin it with a letter";
	return NULL;
}

static int take_name(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	const char *name = NULL, *wrong;

	if (cfg_text(cfg, s->key, &name))
		return -1;
	if (!name)
		return cfg_missing(cfg, s->key, "demo");
	wrong = name_fault(name);
	return wrong ? cfg_fail(cfg, s->key, "= \"%s\"; %s", name, wrong) : take_text(s, cfg, conf);
}

static int take_type(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	const char *type = "pv";

	if (cfg_text(cfg, s->key, &type))
		return -1;
	conf->fv = !strcmp(type, "fv");
	return conf->fv || !strcmp(type, "pv")
		   ? 0
		   : cfg_fail(cfg, s->key, "= \"%s\"; needed: \"pv\" or \"fv\"", type);
}

static int take_builder(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	const char *builder = "generic";

	if (cfg_text(cfg, s->key, &builder))
		return -1;
	return !strcmp(builder, "generic") || !strcmp(builder, "linux")
		   ? 0
		   : cfg_fail(cfg, s->key, "= \"%s\"; needed: \"generic\", or type = \"pv\" or \"fv\"",
			      builder);
}

static int take_fv_patch(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	if (take_number(s, cfg, conf))
		return -1;
	if (!conf->fv && cfg_find(cfg, s->key))
		cfg_warn(cfg, s->key, "has no effect: it is for type = \"fv\"");
	return 0;
}

/* 32 hexadecimal digits, with or without the four '-'. */
static bool uuid_read(const char *text, uint8_t uuid[16])
{
	unsigned n = 0;

	for (const char *p = text; *p; p++) {
		int c = (unsigned char)*p;

		if (c == '-' && n && n % 2 == 0 && p[-1] != '-' && p[1])
			continue;
		if (!isxdigit(c) || n == 32)
			return false;
		c = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
		uuid[n / 2] = (n % 2 ? uuid[n / 2] << 4 : 0) | c;
		n++;
	}
	return n == 32;
}

static int take_uuid(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	const char *text = NULL;

	if (cfg_text(cfg, s->key, &text))
		return -1;
	conf->has_uuid = text && *text;
	if (conf->has_uuid && !uuid_read(text, conf->uuid))
		return cfg_fail(cfg, s->key,
				"= \"%s\"; needed: 32 hexadecimal digits, as uuidgen prints them", text);
	return 0;
}

static int take_kernel(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	if (take_text(s, cfg, conf))
		return -1;
	if (!cfg_find(cfg, s->key) && cfg_find(cfg, "bootloader"))
		return cfg_fail(cfg, "bootloader",
				"cannot be run here, and there is no kernel; add a line kernel = "
				"\"...\" with the guest's kernel");
	return conf->kernel ? 0 : cfg_missing(cfg, s->key, "/boot/kernel-pv64.elf");
}

/* `cmdline` is used alone; otherwise root= and extra make it, as in xl. */
static int take_cmdline(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	const char *whole = NULL, *root = NULL, *extra = NULL;
	int len;

	if (cfg_text(cfg, s->key, &whole) || cfg_text(cfg, "root", &root) || cfg_text(cfg, "extra", &extra))
		return -1;
	if (whole && root)
		cfg_warn(cfg, "root", "has no effect: cmdline is the whole command line");
	if (whole && extra)
		cfg_warn(cfg, "extra", "has no effect: cmdline is the whole command line");
	conf->cmdline = malloc(MAX_GUEST_CMDLINE);
	if (!conf->cmdline)
		return fail("%s: out of memory", cfg->source);
	if (whole || !root)
		len = snprintf(conf->cmdline, MAX_GUEST_CMDLINE, "%s", whole ? whole : extra ? extra : "");
	else
		len = snprintf(conf->cmdline, MAX_GUEST_CMDLINE, "root=%s%s%s", root, extra ? " " : "",
			       extra ? extra : "");
	if (len < MAX_GUEST_CMDLINE)
		return 0;
	return cfg_fail(cfg,
			whole   ? s->key
			: extra ? "extra"
				: "root",
			"makes a command line of %d characters; needed: at most %d", len,
			MAX_GUEST_CMDLINE - 1);
}

static int effect_maxmem(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_max_mem,
				.u.max_mem.max_memkb = b->conf->maxmem_kb + MEM_SLACK};
	long rc = build_domctl(b, &op);

	return rc < 0 ? fail_errno(rc, "maxmem = %u MiB", b->conf->maxmem_kb / 1024) : 0;
}

static int effect_maxvcpus(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_max_vcpus, .u.max_vcpus.max = b->conf->vcpus};
	long rc = build_domctl(b, &op);

	return rc < 0 ? fail_errno(rc, "vcpus = %u", b->conf->vcpus) : 0;
}

#define FIELD(name) .field = offsetof(struct domconf, name)
#define FROM(name)  .from = offsetof(struct domconf, name)

const struct setting settings[] = {
    {.key = "name",
     FIELD(name),
     .take = take_name,
     .without = "needed",
     .meaning = "unique, 1 to 63 characters; no quotes, `/`, `\\`, not only digits"},
    {.key = "memory",
     FIELD(memory_kb),
     .take = take_number,
     .least = 1,
     .most = 1024 * 1024,
     .unit = 1024,
     .preset = 128,
     .without = "128",
     .meaning = "MiB at the start"},
    {.key = "maxmem",
     FIELD(maxmem_kb),
     .take = take_number,
     FROM(memory_kb),
     .most = 1024 * 1024,
     .unit = 1024,
     .effect = effect_maxmem,
     .without = "`memory`",
     .meaning = "MiB at most"},
    {.key = "vcpus",
     FIELD(online),
     .take = take_number,
     .least = 1,
     .most = XEN_LEGACY_MAX_VCPUS,
     .preset = 1,
     .without = "1",
     .meaning = "virtual processors at the start, 1 to 32"},
    {.key = "maxvcpus",
     FIELD(vcpus),
     .take = take_number,
     FROM(online),
     .most = XEN_LEGACY_MAX_VCPUS,
     .effect = effect_maxvcpus,
     .without = "`vcpus`",
     .meaning = "virtual processors at most; those beyond `vcpus` are `offline` in the store"},
    {.key = "on_poweroff",
     FIELD(on_poweroff),
     .take = take_action,
     .preset = ACTION_DESTROY,
     .without = "`destroy`",
     .meaning =
	 "what to do when it has powered off: `destroy`, `restart`, or `preserve` (keep it to be looked at)"},
    {.key = "on_reboot",
     FIELD(on_reboot),
     .take = take_action,
     .preset = ACTION_RESTART,
     .without = "`restart`",
     .meaning = "the same when it has asked for a restart"},
    {.key = "on_crash",
     FIELD(on_crash),
     .take = take_action,
     .preset = ACTION_DESTROY,
     .without = "`destroy`",
     .meaning = "the same when it has crashed"},
    {.key = "on_watchdog",
     FIELD(on_watchdog),
     .take = take_action,
     FROM(on_crash),
     .without = "`on_crash`",
     .meaning = "the same when one of its watchdogs has ended it"},
    {.key = "type",
     .take = take_type,
     .without = "`pv`",
     .meaning = "`pv`, or `fv`: an unmodified 32-bit multiboot kernel in ring 1"},
    {.key = "builder",
     .take = take_builder,
     .without = "`generic`",
     .meaning = "`generic` or `linux`, which are the same: xl's older word for `type`"},
    {.key = "fv_patch",
     FIELD(fv_patch),
     .take = take_fv_patch,
     .most = 1,
     .preset = 1,
     .without = "1",
     .meaning = "0: with `fv`, leave instructions alone that do not trap"},
    {.key = "uuid",
     .take = take_uuid,
     .without = "a random one",
     .meaning = "32 hexadecimal digits, as `uuidgen` prints them"},
    {.key = "kernel",
     FIELD(kernel),
     .take = take_kernel,
     .without = "needed",
     .meaning = "a PV kernel, with the notes that Xen wants: for loader `generic` or of Linux, `xen-3.0`, an "
		"entry in its image, "
		"PAE if it has 32 bits; packed by gzip, xz, lzma, lz4 or zstd if you like, alone or as a "
		"Linux bzImage. Its ELF "
		"class decides between pv64 and pv32, and by the note `BSD_SYMTAB` it gets its symbol table "
		"behind it; for `fv` "
		"a multiboot one"},
    {.key = "ramdisk",
     FIELD(ramdisk),
     .take = take_text,
     .without = "none",
     .meaning = "initial file system, handed over as it is: Linux unpacks what it was built for, the "
		"teaching kernel gzip"},
    {.key = "cmdline",
     .take = take_cmdline,
     .without = "of `root` and `extra`",
     .meaning = "the whole command line"},
    {.key = "disk",
     .take = take_disks,
     .without = "none",
     .meaning = "a list of virtual disks in xl's syntax: `\"/vm/a.img,raw,xvda,w\"` ([disks.md](disks.md))"},
    {.key = "vif",
     .take = take_nics,
     .without = "none",
     .meaning =
	 "a list of network devices in xl's syntax: `\"bridge=xenbr0,rate=10Mb/s\"`, `\"\"` for one with all "
	 "defaults ([networks.md](networks.md))"},
    {.key = "root", .without = "none", .meaning = "its part `root=...`"},
    {.key = "extra", .without = "none", .meaning = "its rest"},
    {0},
};

int domconf_from(const struct cfg *cfg, struct domconf *out)
{
	const char *known[sizeof(settings) / sizeof(*settings)] = {NULL};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; settings[i].key; i++)
		known[i] = settings[i].key;
	domconf_warn_keys(cfg, known);
	for (const struct setting *s = settings; s->key; s++) {
		if (s->take && s->take(s, cfg, out)) {
			domconf_free(out);
			return -1;
		}
	}
	return 0;
}

int domconf_effect(struct build *b)
{
	for (const struct setting *s = settings; s->key; s++)
		if (s->effect && s->effect(b))
			return -1;
	return 0;
}

void domconf_free(struct domconf *conf)
{
	free(conf->name);
	free(conf->kernel);
	free(conf->ramdisk);
	free(conf->cmdline);
	domconf_free_disks(conf);
	domconf_free_nics(conf);
	memset(conf, 0, sizeof(*conf));
}

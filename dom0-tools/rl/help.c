/* SPDX-License-Identifier: MIT */
/* rl help [VERB], rl help settings, rl version. */
#include "verbs.h"
#include "domconf.h"
#include "err.h"

#include <stdio.h>
#include <string.h>

#include <xen/version.h>

static int help_one(const char *name)
{
	const struct verb *v = verb_find(name);

	if (!v) {
		fail("no verb \"%s\"; `rl help` lists them", name);
		return EXIT_USAGE;
	}
	printf("usage: rl %s%s%s\n\n%s\n", v->name, *v->args ? " " : "", v->args, v->summary);
	if (v->text)
		printf("\n%s", v->text);
	return EXIT_OK;
}

/* scripts/gen_settings.py reads these lines. */
static int help_settings(void)
{
	printf("settings of a domain's configuration; their defaults are in brackets:\n\n");
	for (const struct setting *s = settings; s->key; s++)
		printf("  %-12s %s [%s]\n", s->key, s->meaning, s->without);
	return EXIT_OK;
}

static void verb_list(void)
{
	const struct verb *v;

	for (size_t i = 0; (v = verb_at(i)); i++)
		printf("  %-12s %s\n", v->name, v->summary);
}

static const char exit_codes[] =
    "Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage.\n";

/* All that is known of the verbs. */
static int page_rl(void)
{
	const struct verb *v;

	printf("rl - manage the domains of this machine\n\nusage: rl VERB [arguments]\n\n");
	verb_list();
	printf("\nDOMAIN is a name or an id.\n%s", exit_codes);
	for (size_t i = 0; (v = verb_at(i)); i++) {
		printf("\n----\n\n");
		help_one(v->name);
	}
	return EXIT_OK;
}

/* What a configuration is, and all settings. */
static int page_cfg(void)
{
	printf("rl.cfg - what a domain is to be\n\n"
	       "A file of settings, one a line or separated by ';', in xl's syntax:\n\n"
	       "  name   = \"demo\"           # text, in double or single quotes\n"
	       "  memory = 64               # a number: 64, 0100 or 0x40\n"
	       "  cpus   = [ 0, \"2-3\" ]     # a list, which may span lines\n"
	       "  extra += \" quiet\"         # added to the end of the earlier text or list\n\n"
	       "A later setting of a key replaces the earlier one; key=value behind the file's name on the\n"
	       "command line comes last. rl create looks for a file here and in /etc/rl.\n\n");
	return help_settings();
}

static int do_help(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "settings"))
		return help_settings();
	if (argc > 1 && !strcmp(argv[1], "rl"))
		return page_rl();
	if (argc > 1 && !strcmp(argv[1], "rl.cfg"))
		return page_cfg();
	if (argc > 1)
		return help_one(argv[1]);
	printf("usage: rl VERB [arguments]\n\n");
	verb_list();
	printf("\n`rl help VERB` tells more, `rl help settings` what a configuration can say. DOMAIN is a "
	       "name or an id.\n%s",
	       exit_codes);
	return EXIT_OK;
}

static int do_version(int argc, char **argv)
{
	xen_extraversion_t extra = "";
	xen_changeset_info_t changeset = "";
	struct hv *hv = rl_hv();
	long version;

	if (!hv)
		return EXIT_FAILED;
	version = hv_version(hv, XENVER_version, extra, sizeof(extra));
	if (version >= 0)
		hv_version(hv, XENVER_extraversion, extra, sizeof(extra));
	if (version >= 0)
		hv_version(hv, XENVER_changeset, changeset, sizeof(changeset));
	if (version < 0) {
		fail_errno(version, "cannot ask the hypervisor for its version");
		return EXIT_FAILED;
	}
	printf("rl built from %s\n", rl_built_from);
	printf("hypervisor interface %ld.%ld%.16s, domctl %d, sysctl %d, built from %.64s\n", version >> 16,
	       version & 0xffff, extra, XEN_DOMCTL_INTERFACE_VERSION, XEN_SYSCTL_INTERFACE_VERSION,
	       changeset);
	return EXIT_OK;
}

const struct verb verbs_help[] = {
    {.name = "help",
     .args = "[VERB | settings | rl | rl.cfg]",
     .summary = "list the verbs, or explain one, or the settings",
     .text = "rl and rl.cfg print the whole manual pages of these names.\n",
     .run = do_help},
    {.name = "version",
     .args = "",
     .summary = "show the versions of rl and of the hypervisor",
     .run = do_version},
    {0},
};

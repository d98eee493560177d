/* SPDX-License-Identifier: MIT */
/* rl create: configuration, builder, record, store, console, unpause; in this order, and undone if a step
 * fails. */
#include "verbs.h"
#include "builder.h"
#include "ctl.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"
#include "files.h"
#include "home.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct create_options {
	const char *file; /* -f */
	bool attach, paused, wait, quiet, dry_run;
};

/* FILE as given, or one of /etc/rl by its name. */
static const char *find_file(const char *name, char path[256])
{
	static const char *const patterns[] = {"%s", "/etc/rl/%s", "/etc/rl/%s.cfg"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		snprintf(path, 256, patterns[i], name);
		if (!access(path, R_OK))
			return path;
		if (strchr(name, '/'))
			break;
	}
	return name;
}

/* The file is -f's, or the first argument, or there is none. */
static int read_config(struct cfg *cfg, int argc, char **argv, const struct create_options *options,
		       char path[256])
{
	const char *file = options->file;
	int next = 0;

	cfg->source = "command line";
	if (!file && argc && !strchr(argv[0], '='))
		file = argv[next++];
	if (file) {
		file = find_file(file, path);
		if (!options->quiet) {
			printf("Parsing config from %s\n", file);
			fflush(stdout);
		}
		if (cfg_load(cfg, file))
			return -1;
	}
	for (; next < argc; next++)
		if (cfg_override(cfg, argv[next]))
			return -1;
	return 0;
}

/* What rl-consoled, rl-domd and later commands need to know. */
static int write_record(const struct cfg *cfg, const struct domconf *conf, const struct build_result *built)
{
	struct record r = {
	    .id = built->id,
	    .on_poweroff = conf->on_poweroff,
	    .on_reboot = conf->on_reboot,
	    .on_crash = conf->on_crash,
	    .on_watchdog = conf->on_watchdog,
	    .started_ms = now_ms(),
	};
	FILE *out;

	snprintf(r.kind, sizeof(r.kind), "%s", built->kind);
	record_remove(built->id); /* of an earlier domain with this id */
	if (record_save(&r))
		return -1;
	out = fopen(record_path(built->id, "config"), "w");
	if (!out)
		return fail_errno(errno, "%s: cannot write", record_path(built->id, "config"));
	cfg_write(cfg, out);
	fclose(out);
	return 0;
}

/* Have the daemons look after the domain. Without them it runs, but mute or unwatched: a warning. */
static void tell_daemons(unsigned id)
{
	uint64_t until = now_ms() + 3000;

	if (ctl_send("domd", "add %u", id))
		warn("rl-domd is not running: on_poweroff, on_reboot and on_crash will not be done; start it "
		     "with `rl-domd &`");
	if (ctl_send("consoled", "add %u", id)) {
		warn("rl-consoled is not running: domain %u has no console; start it with `rl-consoled &`",
		     id);
		return;
	}
	/* Attach first, unpause after: then not a byte of output waits for a reader. */
	while (access(console_path(id, "attached"), F_OK) && now_ms() < until)
		sleep_ms(2);
	if (now_ms() >= until)
		warn("rl-consoled does not attach to domain %u; its messages say why", id);
}

static int check_name(const struct domconf *conf)
{
	long other = xs_shared() ? domain_named(rl_hv(), conf->name) : -1;

	if (!xs_shared())
		return -1; /* reported */
	if (other >= 0)
		return fail("name = \"%s\" belongs to domain %ld already; choose another, as in `rl create "
			    "FILE name=other`",
			    conf->name, other);
	return 0;
}

static int check_uuid(struct hv *hv, const struct domconf *conf)
{
	struct xen_domctl_getdomaininfo *list;
	long count = conf->has_uuid ? domains_list(hv, &list) : -1, other = -1;

	if (count < 0)
		return 0;
	for (long i = 0; i < count; i++)
		if (!memcmp(list[i].handle, conf->uuid, sizeof(conf->uuid)))
			other = list[i].domain;
	free(list);
	return other < 0
		   ? 0
		   : fail("its uuid belongs to domain %ld already; without the line it gets one of its own",
			  other);
}

static int create(struct hv *hv, const struct cfg *cfg, const struct domconf *conf, bool paused)
{
	struct build_request request = {
	    .kernel = conf->kernel,
	    .ramdisk = conf->ramdisk,
	    .cmdline = conf->cmdline,
	    .memory_kb = conf->memory_kb,
	    .maxmem_kb = conf->maxmem_kb,
	    .vcpus = conf->vcpus,
	    .uuid = conf->has_uuid ? conf->uuid : NULL,
	    .fv = conf->fv,
	    .fv_patch = conf->fv_patch,
	};
	struct build_result built;
	long ret;

	if (check_name(conf) || check_uuid(hv, conf) || build_domain(hv, &request, &built))
		return -1;
	if (write_record(cfg, conf, &built) || home_create(xs_shared(), conf, &built)) {
		domain_end(hv, built.id, "destroyed");
		return -1;
	}
	tell_daemons(built.id);
	ret = paused ? 0 : domain_simple_op(hv, built.id, XEN_DOMCTL_unpausedomain);
	if (ret < 0) {
		domain_end(hv, built.id, "destroyed");
		return fail_errno(ret, "cannot start domain %u", built.id);
	}
	return built.id;
}

static int create_from(const struct cfg *cfg, const struct create_options *options)
{
	struct console_options console = {.escape = ']' & 0x1f};
	struct domconf conf;
	struct hv *hv;
	int id;

	if (domconf_from(cfg, &conf))
		return EXIT_FAILED;
	if (options->dry_run) {
		cfg_write(cfg, stdout);
		domconf_free(&conf);
		return EXIT_OK;
	}
	hv = rl_hv();
	id = hv ? create(hv, cfg, &conf, options->paused) : -1;
	domconf_free(&conf);
	if (id < 0)
		return EXIT_FAILED;
	if (options->attach && console_attach(id, &console) < 0)
		return EXIT_FAILED;
	return options->wait ? wait_for_end(id) : EXIT_OK;
}

static int parse_options(int argc, char **argv, struct create_options *options)
{
	static const struct option names[] = {
	    {"wait", no_argument, NULL, 'w'},
	    {"paused", no_argument, NULL, 'p'},
	    {"console", no_argument, NULL, 'c'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"dryrun", no_argument, NULL, 'n'},
	    {"defconfig", required_argument, NULL, 'f'},
	    {0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "cpqnwf:", names, NULL)) != -1) {
		if (c == '?')
			return verb_usage("create");
		options->attach |= c == 'c';
		options->paused |= c == 'p';
		options->quiet |= c == 'q';
		options->dry_run |= c == 'n';
		options->wait |= c == 'w';
		options->file = c == 'f' ? optarg : options->file;
	}
	return options->file || optind < argc ? EXIT_OK : verb_usage("create");
}

static int do_create(int argc, char **argv)
{
	struct create_options options = {0};
	struct cfg cfg = {0};
	char path[256];
	int code = parse_options(argc, argv, &options);

	if (code != EXIT_OK)
		return code;
	if (read_config(&cfg, argc - optind, argv + optind, &options, path))
		code = EXIT_FAILED;
	else
		code = create_from(&cfg, &options);
	cfg_free(&cfg);
	return code;
}

const struct verb verbs_create[] = {
    {.name = "create",
     .args = "[-c] [-p] [-q] [-n] [--wait] [-f] FILE [key=value...]",
     .summary = "make a domain from a configuration file and start it",
     .text =
	 "  -c      attach its console\n"
	 "  -p      leave it paused\n"
	 "  -q      do not say which file is read\n"
	 "  -n      only check the configuration and print it\n"
	 "  --wait  wait for the domain's end; the exit code is then\n"
	 "          0 powered off, 3 crashed, 4 rebooted (and not restarted), 5 suspended,\n"
	 "          6 ended by its watchdog, 7 destroyed\n\n"
	 "FILE is also looked for in /etc/rl, with .cfg added if need be. key=value settings win over "
	 "the file's:\n"
	 "  rl create demo64.cfg name=second memory=32\n\n"
	 "Settings: name, kernel, ramdisk, cmdline (or root and extra), memory and maxmem (MiB), vcpus and "
	 "maxvcpus,\n"
	 "uuid, on_poweroff, on_reboot, on_crash, on_watchdog: \"destroy\", \"restart\" or \"preserve\".\n"
	 "xl's other settings are known and warned of: they have no effect.\n"
	 "type: \"pv\", or \"fv\" for an unmodified 32-bit multiboot kernel (fv_patch = 0: let the\n"
	 "instructions that do not trap go wrong).\n",
     .run = do_create},
    {0},
};

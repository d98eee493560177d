/* SPDX-License-Identifier: MIT */
/* rl create: configuration, builder, record, store, console, unpause, in this order; undone if a step fails. */
#include "verbs.h"
#include "builder.h"
#include "create_disks.h"
#include "create_nics.h"
#include "ctl.h"
#include "disk_store.h"
#include "nic_store.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"
#include "files.h"
#include "home.h"
#include "job.h"
#include "lock.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDING_MS 5000

struct create_options {
	const char *file; /* -f */
	bool attach, paused, wait, quiet, dry_run;
	long replaces; /* rl-domd: restart this domain under the name it has; -1: none */
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

/* A file named without its place is in the current folder, or beside the configuration @file. Its whole path is kept: who
 * restarts the domain is elsewhere. One that is not there is left as it is, for the report. */
static int keep_path(struct cfg *cfg, const char *key, const char *file)
{
	const char *name = NULL, *slash = file ? strrchr(file, '/') : NULL;
	char found[PATH_MAX], *here, *whole = NULL;
	int rc = -1;

	if (cfg_text(cfg, key, &name))
		return -1;
	if (!name || !*name || *name == '/')
		return 0;
	snprintf(found, sizeof(found), "%s", name);
	if (access(found, F_OK) && slash)
		snprintf(found, sizeof(found), "%.*s/%s", (int)(slash - file), file, name);
	if (access(found, F_OK))
		return 0;
	here = *found == '/' ? strdup("") : getcwd(NULL, 0);
	if (!here || asprintf(&whole, "%s%s%s", here, *here && here[1] ? "/" : "", found) < 0)
		fail_errno(errno, "%s = \"%s\": no whole path for it", key, name);
	else
		rc = cfg_set_text(cfg, key, whole);
	free(here);
	free(whole);
	return rc;
}

int config_read(struct cfg *cfg, int argc, char **argv, const char *file, bool quiet, char path[256])
{
	int next = 0;

	cfg->source = cfg_command_line;
	/* `kernel = x` is no file but a setting with blanks, which cfg_override() reports. */
	if (!file && argc && !strchr(argv[0], '=') && !(argc > 1 && argv[1][0] == '='))
		file = argv[next++];
	if (file) {
		const char *given = file;

		file = find_file(given, path);
		if (access(file, F_OK))
			return fail("%s: no configuration file \"%s\" here%s", cfg_command_line, given,
				    strchr(given, '/') ? "" : ", nor one of that name in /etc/rl");
		if (!quiet) {
			printf("Parsing config from %s\n", file);
			fflush(stdout);
		}
		if (cfg_load(cfg, file))
			return -1;
	}
	for (; next < argc; next++)
		if (cfg_override(cfg, argv[next]))
			return -1;
	return keep_path(cfg, "kernel", file) || keep_path(cfg, "ramdisk", file) ||
		       domconf_find_images(cfg, file)
		   ? -1
		   : 0;
}

/* A domain being made. */
struct birth {
	struct hv *hv;
	const struct cfg *cfg;
	const struct domconf *conf;
	long replaces; /* the domain that has shut down and that it replaces, or -1 */
	struct record record;
};

/* What rl-consoled, rl-domd and later commands need to know. */
static int write_record(struct birth *b, const struct build_result *built)
{
	struct record *r = &b->record;

	*r = (struct record){
	    .id = built->id,
	    .on_poweroff = b->conf->on_poweroff,
	    .on_reboot = b->conf->on_reboot,
	    .on_crash = b->conf->on_crash,
	    .on_watchdog = b->conf->on_watchdog,
	    .started_ms = now_ms(),
	};
	snprintf(r->kind, sizeof(r->kind), "%s", built->kind);
	record_remove(built->id); /* left by an earlier domain with this id */
	return record_save(r) ? -1 : record_save_config(built->id, b->cfg);
}

/* The domain whose name the new one gets: the one that it replaces; -1: none, since the one that it replaces has given it
 * to a successor whose rl was killed. -2 and a report: it was destroyed. */
static long name_giver(const struct birth *b)
{
	char *name = b->replaces < 0 ? NULL : home_read(xs_shared(), b->replaces, "name");
	struct record old;
	bool has = name;

	free(name);
	if (b->replaces < 0 || has)
		return b->replaces;
	if (!record_load(b->replaces, &old) && old.ending && old.restarted < 0) {
		fail("domain %ld, to be restarted, has been destroyed meanwhile", b->replaces);
		return -2;
	}
	return -1;
}

/* The domain exists and is empty: from now on it has its name, and the domain that had the name can go. */
static int on_created(void *arg, const struct build_result *built)
{
	struct birth *b = arg;
	struct xen_domctl_getdomaininfo info;
	long giver = name_giver(b);

	/* Left by an earlier domain with this id, whose end no tool saw. */
	disks_remove(xs_shared(), built->id);
	nics_remove(xs_shared(), built->id);
	if (giver < -1 || write_record(b, built) ||
	    home_claim(b->hv, xs_shared(), built->id, b->conf->name, built->uuid, giver))
		return -1;
	if (b->replaces < 0 || domain_info(b->hv, b->replaces, &info) < 0)
		return 0;
	/* It has no name any more; its record keeps it. */
	record_ending(b->replaces, b->conf->name, shutdown_reason(&info), built->id);
	domain_end(b->hv, b->replaces, shutdown_reason(&info), built->id);
	return 0;
}

/* Wait until rl-consoled, which runs, has attached. -1 and a report: it says that it cannot. Only one that is stuck takes
 * longer than this. */
static int wait_for_console(unsigned id)
{
	uint64_t until = now_ms() + CONSOLE_MS;
	char why[256];
	ssize_t n;

	while (access(console_path(id, "attached"), F_OK)) {
		n = readlink(console_path(id, "refused"), why, sizeof(why) - 1);
		if (n > 0)
			return fail("domain %u has no console: %.*s", id, (int)n, why);
		if (now_ms() >= until) {
			warn("rl-consoled has not attached to domain %u; its messages say why", id);
			break;
		}
		sleep_ms(2);
	}
	return 0;
}

/* xenconsoled attaches by itself, and says where. */
static bool has_other_console(unsigned id)
{
	uint64_t until = now_ms() + CONSOLE_MS;
	char *tty;

	do {
		tty = home_read(xs_shared(), id, "console/tty");
		free(tty);
		if (!tty)
			sleep_ms(5);
	} while (!tty && now_ms() < until && console_daemon());
	return tty;
}

/* Have the daemons look after the domain. Without them it runs, but mute or unwatched: a warning. */
static int tell_daemons(unsigned id)
{
	/* A daemon that rl-keeper is about to restart looks by itself at what there is. */
	bool kept = lock_holder("rl-keeper");

	if (ctl_send("domd", "add %u", id) && !kept)
		warn("rl-domd is not running: on_poweroff, on_reboot and on_crash have no effect; start it "
		     "with `rl-keeper`, or beside Xen's daemons with `rl-domd &`");
	/* Attach first, then unpause, so that no byte of output waits for a reader. */
	if (!ctl_send("consoled", "add %u", id) || kept)
		return wait_for_console(id);
	if (!has_other_console(id))
		warn("rl-consoled is not running: domain %u has no console; start it with `rl-keeper`", id);
	return 0;
}

/* So that a domain that is too large costs nothing. The domain that it replaces gives its memory back first. */
static int check_memory(const struct birth *b)
{
	struct xen_domctl_getdomaininfo old = {0};

	if (b->replaces >= 0 && domain_info(b->hv, b->replaces, &old) < 0)
		old.tot_pages = 0;
	return build_has_memory(b->hv, b->conf->memory_kb, old.tot_pages * 4);
}

/* So that a name in use costs nothing: the claim in the store's transaction is what counts. If its domain is ending,
 * wait: an rl was killed, and rl-domd or another rl clears up. */
static int check_name(const struct birth *b)
{
	uint64_t until = now_ms() + ENDING_MS;
	struct record r;

	while (xs_shared()) {
		long other = domain_named(b->hv, b->conf->name);

		if (other < 0 || other == b->replaces)
			return 0;
		if (record_load(other, &r) || !r.ending || now_ms() >= until)
			return name_is_taken(b->conf->name, other);
		sleep_ms(5);
	}
	return -1; /* reported */
}

/* What the configuration names must be there; said here, where it is known who named it. */
static int check_files(const struct birth *b)
{
	static const char *const keys[] = {"kernel", "ramdisk"};
	const char *path;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		path = NULL;
		if (cfg_text(b->cfg, keys[i], &path))
			return -1;
		if (path && *path && access(path, F_OK) && errno == ENOENT)
			return cfg_fail(b->cfg, keys[i],
					"= \"%s\": no such file; check the path (it is looked up in Dom0's "
					"file system)",
					path);
	}
	return 0;
}

static int check_uuid(const struct birth *b)
{
	struct xen_domctl_getdomaininfo *list;
	long count = b->conf->has_uuid ? domains_list(b->hv, &list) : -1, other = -1;

	if (count < 0)
		return 0;
	for (long i = 0; i < count; i++)
		if (list[i].domain != b->replaces &&
		    !memcmp(list[i].handle, b->conf->uuid, sizeof(b->conf->uuid)))
			other = list[i].domain;
	free(list);
	return other < 0
		   ? 0
		   : fail("its uuid belongs to domain %ld already; without the line it gets one of its own",
			  other);
}

static int build(struct birth *b, const xen_domain_handle_t handle, struct build_result *built)
{
	struct build_request request = {.conf = b->conf, .created = on_created, .arg = b};

	memcpy(request.handle, handle, sizeof(request.handle));
	if (!build_domain(b->hv, &request, built))
		return 0;
	if (built->id != NO_DOMAIN_YET) {
		home_remove(xs_shared(), built->id);
		record_remove(built->id);
	}
	return -1;
}

/* Tell the store of it; from now on the store can be told again. */
static int introduce(struct birth *b, const struct build_result *built)
{
	struct record *r = &b->record;

	r->console_mfn = built->console_mfn;
	r->console_port = built->console_port;
	r->store_mfn = built->store_mfn;
	r->store_port = built->store_port;
	return home_create(xs_shared(), b->conf, built) || record_save(r) ? -1 : 0;
}

/* Build it, hand it to the daemons, start it. Its id, or -1. */
static int bring_up(struct birth *b, const xen_domain_handle_t handle, bool paused)
{
	struct build_result built;
	long rc;

	if (build(b, handle, &built))
		return -1;
	if (introduce(b, &built) || create_disks(b->hv, b->cfg, b->conf, built.id) ||
	    create_nics(b->cfg, b->conf, built.id) || tell_daemons(built.id) ||
	    create_disks_wait(b->cfg, b->conf, built.id) || create_nics_wait(b->cfg, b->conf, built.id)) {
		domain_end(b->hv, built.id, "destroyed", -1);
		return -1;
	}
	rc = paused ? 0 : domain_simple_op(b->hv, built.id, XEN_DOMCTL_unpausedomain);
	if (rc < 0) {
		domain_end(b->hv, built.id, "destroyed", -1);
		return fail_errno(rc, "cannot start domain %u", built.id);
	}
	return built.id;
}

static int create(struct birth *b, bool paused)
{
	xen_domain_handle_t handle;
	char uuid[UUID_TEXT];
	int job, id;

	jobs_clear(b->hv);
	if (check_files(b) || check_name(b) || check_uuid(b) || check_memory(b) ||
	    create_disks_check(b->cfg, b->conf, b->replaces) || create_nics_check(b->cfg, b->conf))
		return -1;
	if (b->conf->has_uuid)
		memcpy(handle, b->conf->uuid, sizeof(handle));
	else
		uuid_make(handle);
	uuid_print(handle, uuid);
	job = job_begin(uuid);
	if (job < 0)
		return -1;
	id = bring_up(b, handle, paused);
	job_end(uuid, job);
	return id;
}

static int create_from(struct cfg *cfg, const struct create_options *options)
{
	struct console_options console = {.escape = ']' & 0x1f};
	struct domconf conf;
	struct birth b = {.cfg = cfg, .conf = &conf, .replaces = options->replaces};
	int id;

	if (!options->dry_run)
		domconf_settle_nics(cfg);
	if (domconf_from(cfg, &conf))
		return EXIT_FAILED;
	if (options->dry_run) {
		cfg_write(cfg, stdout);
		domconf_free(&conf);
		return EXIT_OK;
	}
	b.hv = rl_hv();
	id = b.hv ? create(&b, options->paused) : -1;
	domconf_free(&conf);
	if (id < 0)
		return EXIT_FAILED;
	if (options->attach && console_attach(id, &console) < 0)
		return EXIT_FAILED;
	return options->wait ? wait_for_end(id, true, 0) : EXIT_OK;
}

static int parse_options(int argc, char **argv, struct create_options *options)
{
	static const struct option names[] = {
	    {"wait", no_argument, NULL, 'w'},          {"paused", no_argument, NULL, 'p'},
	    {"console", no_argument, NULL, 'c'},       {"quiet", no_argument, NULL, 'q'},
	    {"dryrun", no_argument, NULL, 'n'},        {"defconfig", required_argument, NULL, 'f'},
	    {"restart", required_argument, NULL, 'R'}, {0},
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
		if (c == 'R')
			options->replaces = strtol(optarg, NULL, 10);
	}
	return options->file || optind < argc ? EXIT_OK : verb_usage("create");
}

/* A restarted domain has the name that it has now, or had when its end began; if it has none any more (name_giver()),
 * the last that it was given. */
static int keep_name(struct cfg *cfg, long replaces)
{
	char *stored, name[RECORD_NAME_MAX];
	struct record r;

	if (replaces < 0)
		return 0;
	stored = xs_shared() ? home_read(xs_shared(), replaces, "name") : NULL;
	if (stored)
		snprintf(name, sizeof(name), "%s", stored);
	else if (!record_load(replaces, &r) && *r.name)
		snprintf(name, sizeof(name), "%s", r.name);
	else
		record_name(replaces, name);
	free(stored);
	return *name ? cfg_set_text(cfg, "name", name) : 0;
}

static int do_create(int argc, char **argv)
{
	struct create_options options = {.replaces = -1};
	struct cfg cfg = {0};
	char path[256];
	int code = parse_options(argc, argv, &options);

	if (code != EXIT_OK)
		return code;
	if (config_read(&cfg, argc - optind, argv + optind, options.file, options.quiet, path) ||
	    keep_name(&cfg, options.replaces))
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
	 "FILE is also looked for in /etc/rl, with .cfg added if need be. A kernel or ramdisk named without "
	 "its folder is\nlooked for in the current one, then beside FILE. key=value settings win over the "
	 "file's:\n"
	 "  rl create demo64.cfg name=second memory=32\n\n"
	 "`rl help settings` lists the settings. xl's other ones are known and warned of: they have no "
	 "effect.\n",
     .run = do_create},
    {0},
};

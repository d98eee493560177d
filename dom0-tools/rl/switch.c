/* SPDX-License-Identifier: MIT */
/* rl switch: the switches of rl-netd, and their ports. rl net: captures of what passes there. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "netd.h"
#include "vlan.h"
#include "xs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int print_answer(char *text)
{
	if (!text)
		return EXIT_FAILED;
	fputs(text, stdout);
	free(text);
	return EXIT_OK;
}

/* ---- rl switch port ---- */

static int check_setting(const char *key, const char *value)
{
	static const char *const keys[] = {"vlan", "isolated", "antispoof", "group", "rate", "carrier", NULL};
	const char *wrong = NULL, *near = nearest(key, keys);
	struct vlans vlans;

	if (!near || strcmp(near, key))
		return fail("\"%s\" is no setting of a port; needed: vlan, isolated, antispoof, group, rate "
			    "or carrier",
			    key);
	if (!strcmp(key, "vlan"))
		wrong = vlans_parse(value, &vlans);
	else if (strcmp(key, "group") && strcmp(key, "rate") && strcmp(value, "0") && strcmp(value, "1"))
		wrong = "needed: 0 or 1";
	return wrong ? fail("%s=%s: %s", key, value, wrong) : 0;
}

/* What rl-netd reads of a vif is in the store, so that it is there after a new start of rl-netd, too. */
static int set_one(const char *dir, char *setting)
{
	char *value = strchr(setting, '='), path[128];

	if (!value)
		return fail("\"%s\": needed: KEY=VALUE", setting);
	*value++ = '\0';
	if (check_setting(setting, value))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, setting);
	if (xs_print(xs_shared(), 0, path, "%s", value))
		return fail_errno(errno, "cannot write %s", path);
	return 0;
}

static int set_port(const char *port, int count, char **settings)
{
	unsigned dom, dev;
	char dir[96], path[112], end, *state;

	if (sscanf(port, "vif%u.%u%c", &dom, &dev, &end) != 2) {
		fail("%s: only ports of guests can be set, as vif3.0; others are set in /etc/rl/switch.cfg",
		     port);
		return EXIT_FAILED;
	}
	snprintf(dir, sizeof(dir), "/local/domain/0/backend/vif/%u/%u", dom, dev);
	snprintf(path, sizeof(path), "%s/state", dir);
	state = xs_shared() ? xs_read(xs_shared(), 0, path, NULL) : NULL;
	if (!state) {
		fail("there is no port %s; `rl switch show` lists them", port);
		return EXIT_FAILED;
	}
	free(state);
	for (int i = 0; i < count; i++)
		if (set_one(dir, settings[i]))
			return EXIT_FAILED;
	return EXIT_OK;
}

static int do_switch(int argc, char **argv)
{
	static const char *const questions[] = {"show", "mac", "vlan", "stats", NULL};

	if (argc == 2 && !strcmp(argv[1], "reload"))
		return print_answer(netd_ask("reload", "."));
	for (size_t i = 0; argc == 2 && questions[i]; i++)
		if (!strcmp(argv[1], questions[i]))
			return print_answer(netd_ask("tell", "%s", argv[1]));
	if (argc < 3 || strcmp(argv[1], "port"))
		return verb_usage("switch");
	if (argc == 3)
		return print_answer(netd_ask("tell", "port %s", argv[2]));
	return set_port(argv[2], argc - 3, argv + 3);
}

/* ---- rl net capture ---- */

static volatile sig_atomic_t ended;

static void on_end(int signal)
{
	(void)signal;
	ended = 1;
}

/* What rl-netd calls it: a domain's name and number are known here. -1 and a report. */
static int find_subject(const char *word, char *out, size_t size)
{
	struct xen_domctl_getdomaininfo info;
	unsigned a, b;
	char end;

	snprintf(out, size, "%s", word);
	if (!strcmp(word, "all") || sscanf(word, "vif%u.%u%c", &a, &b, &end) == 2)
		return 0;
	if (sscanf(word, "vlan%u%c", &a, &end) == 1)
		return a && a <= VLAN_MAX ? 0 : fail("%s: needed: a VLAN from 1 to %d", word, VLAN_MAX);
	fail_quiet(true);
	if (rl_hv() && !domain_find(rl_hv(), word, &info))
		snprintf(out, size, "dom%u", info.domain);
	fail_quiet(false);
	return 0; /* else it is the name of a port */
}

static int run_capture(const char *subject, const char *file, unsigned long mib, unsigned long seconds)
{
	struct sigaction action = {.sa_handler = on_end};
	char path[200], folder[128] = "", on_host[512], *text;
	uint64_t until = now_ms() + seconds * 1000;

	if (*file != '/' && !getcwd(folder, sizeof(folder))) {
		fail("%s: needed: a path from /", file);
		return EXIT_FAILED;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", file) >=
	    sizeof(path)) {
		fail("%s: its path is too long", file);
		return EXIT_FAILED;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	text =
	    netd_ask("capture", "%d %llu %s %s", (int)getpid(), (unsigned long long)mib << 20, subject, path);
	if (!text)
		return EXIT_FAILED;
	free(text);
	fprintf(stderr, "capturing into %s; ^C ends it\n", path);
	while (!ended && (!seconds || now_ms() < until))
		sleep_ms(100);
	text = netd_ask("uncapture", "%d", (int)getpid());
	if (!text)
		return EXIT_FAILED;
	fprintf(stderr, "%s\n", text);
	free(text);
	if (host_path(path, on_host, sizeof(on_host)))
		fprintf(stderr, "on the host: %s\n", on_host);
	return EXIT_OK;
}

static unsigned long positive(const char *text)
{
	char *end;
	unsigned long value = *text >= '1' && *text <= '9' ? strtoul(text, &end, 10) : 0;

	return value && !*end && value <= 1u << 20 ? value : 0;
}

static int do_net(int argc, char **argv)
{
	unsigned long mib = 64, seconds = 0;
	const char *file = NULL, *subject = NULL;
	char what[64];
	int c;

	if (argc < 2 || strcmp(argv[1], "capture"))
		return verb_usage("net");
	argc--;
	argv++;
	optind = 1;
	while (optind < argc) {
		c = verb_option("net", argc, argv, "w:s:t:");
		if (c == '?')
			return EXIT_USAGE;
		if (c == 'w')
			file = optarg;
		else if (c == 's' && !(mib = positive(optarg)))
			return verb_usage("net");
		else if (c == 't' && !(seconds = positive(optarg)))
			return verb_usage("net");
		if (c == -1 && subject)
			return verb_usage("net");
		if (c == -1 && optind < argc)
			subject = argv[optind++];
	}
	if (!file || !subject || strlen(subject) >= 32)
		return verb_usage("net");
	if (find_subject(subject, what, sizeof(what)))
		return EXIT_FAILED;
	return run_capture(what, file, mib, seconds);
}

const struct verb verbs_switch[] = {
    {.name = "switch",
     .args = "show|mac|vlan|stats|reload|port [PORT] [SETTING...]",
     .summary = "show the switches between the domains' cards, and set their ports",
     .text =
	 "  show    each switch, its ports, and the VLANs that they are in\n"
	 "  mac     which addresses were seen on which port, and when\n"
	 "  vlan    each VLAN with its ports; what passes between groups\n"
	 "  stats   frames and bytes of each port, and what was dropped\n"
	 "  port    all that is known of PORT, with the reasons why frames of it were dropped; or set it:\n"
	 "          vlan=10 (access), vlan=10p/20 (10 without a tag, 20 with one), isolated=1, antispoof=1,\n"
	 "          group=NAME, rate=BYTES,MICROSECONDS, carrier=0\n"
	 "  reload  read /etc/rl/switch.cfg again: uplinks, taps, groups, and what they allow\n\n"
	 "  rl switch port vif3.0 vlan=20 antispoof=1\n\n"
	 "PORT is vifDOMAIN.DEVICE, by the domain's id, or the name of an uplink or a tap. rl-netd does the "
	 "work.\n",
     .run = do_switch},
    {.name = "net",
     .args = "capture [-s MIB] [-t SECONDS] -w FILE DOMAIN|PORT|VLAN",
     .summary = "write what passes through domains' cards into a file, for Wireshark",
     .text = "  -w FILE     a pcapng file: each card is an interface of its own, with nanoseconds and "
	     "directions\n"
	     "  -s MIB      how large it may become (64)\n"
	     "  -t SECONDS  end after so long; else ^C ends it\n\n"
	     "VLAN is written as vlan10; `all` means everything. Checksums that guests leave to others are "
	     "whole in\n"
	     "the file.\n\n"
	     "  rl net capture -w /tmp/web.pcapng web\n",
     .run = do_net},
    {0},
};

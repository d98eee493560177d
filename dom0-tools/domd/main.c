/* SPDX-License-Identifier: MIT */
/*
 * rl-domd: notices when domains end (the store's @releaseDomain) and does what their configuration says:
 * on_poweroff, on_reboot, on_crash, on_watchdog = destroy, restart or preserve.
 *
 * `add ID` lines through <run>/domd.ctl only make it look again; the truth is <run>/domains and the
 * hypervisor's list. The end of a domain is noted in <run>/domains/ID/end after everything is done, with the
 * id of the domain that goes on in its place if it was restarted.
 */
#include "ctl.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "home.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A domain that ends sooner than this after its start is not restarted, or a kernel that crashes while
 * booting would keep Dom0 busy for ever. */
#define RESTART_MIN_MS 1000

static struct hv hv;

static enum action action_for(const struct record *r, const char *reason)
{
	if (!strcmp(reason, "poweroff"))
		return r->on_poweroff;
	if (!strcmp(reason, "reboot"))
		return r->on_reboot;
	return !strcmp(reason, "watchdog") ? r->on_watchdog : r->on_crash;
}

/* Make the domain anew from its kept configuration, under the name it had. Its id, or -1. */
static long restart(const struct record *r, const char *name)
{
	char config[256], setting[RECORD_NAME_MAX + 8];
	int status;
	pid_t child;

	snprintf(config, sizeof(config), "%s", record_path(r->id, "config"));
	snprintf(setting, sizeof(setting), "name=%s", name);
	child = fork();
	if (child == 0) {
		execlp("rl", "rl", "create", "-q", config, setting, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return fail("domain %u \"%s\" could not be restarted; the line before says why", r->id, name);
	return domain_named(&hv, name);
}

static void end_domain(const struct record *r, const char *reason)
{
	enum action action = action_for(r, reason);
	char name[RECORD_NAME_MAX];
	long again = -1, ret;

	snprintf(name, sizeof(name), "%s", domain_name(r->id));

	if (action == ACTION_PRESERVE)
		return;
	if (action == ACTION_RESTART && now_ms() - r->started_ms < RESTART_MIN_MS) {
		warn("domain %u \"%s\": %s after less than a second; destroyed instead of restarted", r->id,
		     name, reason);
		action = ACTION_DESTROY;
	}
	ret = domain_end(&hv, r->id, action == ACTION_DESTROY ? reason : NULL);
	if (ret < 0)
		fail_errno(ret, "cannot destroy domain %u", r->id);
	if (action != ACTION_RESTART)
		return;
	/* The name must be free before the new domain takes it, hence the note in two steps: the reason is
	 * there only together with the new id. */
	again = restart(r, name);
	record_end(r->id, name, reason, again);
}

/* Destroyed by somebody else than rl. */
static void forget(unsigned id)
{
	record_end(id, domain_name(id), "destroyed", -1);
	home_remove(xs_shared(), id);
}

/* Look at every domain we know of. */
static void look(void)
{
	struct xen_domctl_getdomaininfo info;
	struct record r;
	unsigned *ids;
	size_t n = record_list(&ids);

	for (size_t i = 0; i < n; i++) {
		long ret;

		if (record_load(ids[i], &r) || r.end[0])
			continue;
		ret = domain_info(&hv, r.id, &info);
		if (ret == -ESRCH)
			forget(r.id);
		else if (ret >= 0 && (info.flags & XEN_DOMINF_shutdown) && !(info.flags & XEN_DOMINF_dying))
			end_domain(&r, shutdown_reason(&info));
	}
	free(ids);
}

static void ignore_line(void *arg, char *line)
{
}

int main(void)
{
	struct ctl_lines part = {.len = 0};
	struct xs *xs;
	int ctl;

	fail_program("rl-domd");
	signal(SIGPIPE, SIG_IGN);
	/* The shared connection is for questions; events come by one of their own. */
	if (hv_open(&hv) || !xs_shared() || !(xs = xs_open()) || (ctl = ctl_listen("domd")) < 0)
		return 1;
	if (home_create_dom0(xs) || xs_watch(xs, "@releaseDomain", "end")) {
		fail_errno(errno, "cannot watch @releaseDomain");
		return 1;
	}
	for (;;) {
		struct pollfd fds[2] = {{.fd = xs_fd(xs), .events = POLLIN}, {.fd = ctl, .events = POLLIN}};

		look();
		if (poll(fds, 2, -1) <= 0)
			continue;
		if (fds[0].revents & POLLIN)
			free(xs_event(xs, 0));
		if (fds[1].revents & POLLIN)
			ctl_receive(ctl, &part, ignore_line, NULL);
	}
}

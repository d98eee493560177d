/* SPDX-License-Identifier: MIT */
/*
 * rl-domd: notices when domains end (VIRQ_DOM_EXC) and does what their configuration says: on_poweroff,
 * on_reboot, on_crash = destroy, restart or preserve.
 *
 * `add ID` lines through <run>/domd.ctl only make it look again; the truth is <run>/domains and the
 * hypervisor's list. The end of a domain is noted in <run>/domains/ID/end after everything is done, with the
 * id of the domain that goes on in its place if it was restarted.
 */
#include "ctl.h"
#include "domains.h"
#include "err.h"
#include "evtchn.h"
#include "files.h"

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
	return r->on_crash;
}

/* Make the domain anew from its kept configuration. Its id, or -1. */
static long restart(const struct record *r)
{
	char config[256];
	struct record again;
	int status;
	pid_t child;

	snprintf(config, sizeof(config), "%s", record_path(r->id, "config"));
	child = fork();
	if (child == 0) {
		execlp("rl", "rl", "create", "-q", config, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return fail("domain %u \"%s\" could not be restarted; the line before says why", r->id,
			    r->name);
	return record_find(r->name, false, &again) || again.id == r->id ? -1 : (long)again.id;
}

static void end_domain(const struct record *r, const char *reason)
{
	enum action action = action_for(r, reason);
	long again = -1, ret;

	if (action == ACTION_PRESERVE)
		return;
	if (action == ACTION_RESTART && now_ms() - r->started_ms < RESTART_MIN_MS) {
		warn("domain %u \"%s\": %s after less than a second; destroyed instead of restarted", r->id,
		     r->name, reason);
		action = ACTION_DESTROY;
	}
	ret = domain_end(&hv, r->id, action == ACTION_DESTROY ? reason : NULL);
	if (ret < 0)
		fail_errno(ret, "cannot destroy domain %u", r->id);
	if (action != ACTION_RESTART)
		return;
	/* The name must be free before the new domain takes it, hence the note in two steps: the reason is
	 * there only together with the new id. */
	again = restart(r);
	record_end(r->id, reason, again);
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
			record_end(r.id, "destroyed", -1); /* by somebody else */
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
	int evtchn, ctl, port;
	uint32_t fired;

	fail_program("rl-domd");
	signal(SIGPIPE, SIG_IGN);
	if (hv_open(&hv) || (evtchn = evtchn_open()) < 0 || (ctl = ctl_listen("domd")) < 0)
		return 1;
	port = evtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
	if (port < 0) {
		fail_errno(port, "cannot bind VIRQ_DOM_EXC; is another rl-domd running?");
		return 1;
	}
	for (;;) {
		struct pollfd fds[2] = {{.fd = evtchn, .events = POLLIN}, {.fd = ctl, .events = POLLIN}};

		look();
		if (poll(fds, 2, -1) <= 0)
			continue;
		if (fds[0].revents & POLLIN && evtchn_fired(evtchn, &fired, 1))
			evtchn_unmask(evtchn, fired);
		if (fds[1].revents & POLLIN)
			ctl_receive(ctl, &part, ignore_line, NULL);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * rl-domd: notices when domains end (the store's @releaseDomain) and does what their configuration says:
 * on_poweroff, on_reboot, on_crash, on_watchdog = destroy, restart or preserve.
 *
 * Lines through <run>/domd.ctl (`add ID`, `job UUID`) only make it look again; the truth is <run>/domains,
 * <run>/jobs and the hypervisor's list. The end of a domain is noted in <run>/domains/ID/end after everything is
 * done, with the id of the domain that goes on in its place if it was restarted. What an rl that was killed left half
 * made or half ended (job.h) is cleared away.
 */
#include "ctl.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "home.h"
#include "job.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A domain that ends sooner than this after its start is not restarted, or a kernel that crashes while
 * booting would keep Dom0 busy for ever. */
#define RESTART_MIN_MS 1000

#define JOBS_MS 200

static struct hv hv;

static enum action action_for(const struct record *r, const char *reason)
{
	if (!strcmp(reason, "poweroff"))
		return r->on_poweroff;
	if (!strcmp(reason, "reboot"))
		return r->on_reboot;
	return !strcmp(reason, "watchdog") ? r->on_watchdog : r->on_crash;
}

/* Have the domain made anew from its kept configuration. The new one takes over its name and ends it. */
static int restart(unsigned id)
{
	char config[256], number[16];
	int status;
	pid_t child;

	snprintf(config, sizeof(config), "%s", record_path(id, "config"));
	snprintf(number, sizeof(number), "%u", id);
	child = fork();
	if (child == 0) {
		execlp("rl", "rl", "create", "-q", "--restart", number, config, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return fail("domain %u \"%s\" could not be restarted; the line before says why", id,
			    domain_name(id));
	return 0;
}

static void end_domain(const struct record *r, const char *reason)
{
	enum action action = action_for(r, reason);
	long ret;

	if (action == ACTION_PRESERVE)
		return;
	if (action == ACTION_RESTART && now_ms() - r->started_ms < RESTART_MIN_MS) {
		warn("domain %u \"%s\": %s after less than a second; destroyed instead of restarted", r->id,
		     domain_name(r->id), reason);
		action = ACTION_DESTROY;
	}
	if (action == ACTION_RESTART && !restart(r->id))
		return;
	ret = domain_end(&hv, r->id, reason, -1);
	if (ret < 0 && ret != -ESRCH)
		fail_errno(ret, "cannot destroy domain %u", r->id);
}

/* Look at every domain we know of. @busy: others are making or ending some. */
static void look(bool busy)
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
		if (ret == -ESRCH) /* destroyed by somebody else than rl, or by one who was killed then */
			domain_forget(r.id, "destroyed", -1);
		else if (ret >= 0 && r.ending && !busy) /* whoever began it was killed */
			domain_end(&hv, r.id, "destroyed", -1);
		else if (ret >= 0 && (info.flags & XEN_DOMINF_shutdown) && !(info.flags & XEN_DOMINF_dying) &&
			 !r.ending)
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
	size_t jobs;
	struct xs *xs;
	int ctl;

	fail_program("rl-domd");
	signal(SIGPIPE, SIG_IGN);
	/* The shared connection is for questions; events come by one of their own. */
	if (hv_open(&hv) || !xs_shared() || !(xs = xs_open()) || (ctl = ctl_listen("domd")) < 0)
		return 1;
	if (home_create_dom0(&hv, xs) || xs_watch(xs, "@releaseDomain", "end")) {
		fail_errno(errno, "cannot watch @releaseDomain");
		return 1;
	}
	for (;;) {
		struct pollfd fds[2] = {{.fd = xs_fd(xs), .events = POLLIN}, {.fd = ctl, .events = POLLIN}};

		jobs = jobs_clear(&hv);
		look(jobs);
		/* Nobody tells when one who is at work is killed: look again and again, while there is work. */
		if (poll(fds, 2, jobs ? JOBS_MS : -1) <= 0)
			continue;
		if (fds[0].revents & POLLIN)
			free(xs_event(xs, 0));
		if (fds[1].revents & POLLIN)
			ctl_receive(ctl, &part, ignore_line, NULL);
	}
}

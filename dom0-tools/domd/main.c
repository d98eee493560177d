/* SPDX-License-Identifier: MIT */
/*
 * rl-domd: notices when domains end (the store's @releaseDomain) and does what their configuration says:
 * on_poweroff, on_reboot, on_crash, on_watchdog = destroy, restart or preserve.
 *
 * Lines through <run>/domd.ctl say which domain is new (`add ID`) or make it look again (`job UUID`); the truth is
 * <run>/domains, <run>/jobs and the hypervisor's list. The end of a domain is noted in <run>/domains/ID/end after
 * everything is done, with the id of its successor if it was restarted. rl-domd clears away what a killed rl left half
 * made or half ended (job.h).
 */
#include "ctl.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "home.h"
#include "job.h"
#include "lock.h"
#include "tell.h"
#include "why.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A domain that ends sooner than this after its start is not restarted: a kernel that crashes while booting would
 * keep Dom0 busy for ever. */
#define RESTART_MIN_MS 1000

#define RESTART_TRIES 3 /* where each is killed */

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

/* One try of it. The status of the process, as wait() has it; -1: there was none. */
static int try_restart(unsigned id, int job, int config)
{
	char number[16];
	int status;
	pid_t child;

	snprintf(number, sizeof(number), "%u", id);
	child = fork();
	if (child == 0) {
		fcntl(job, F_SETFD, 0);
		lseek(config, 0, SEEK_SET);
		dup2(config, STDIN_FILENO);
		execlp("rl", "rl", "create", "-q", "--restart", number, "/proc/self/fd/0", (char *)NULL);
		_exit(127);
	}
	return child >= 0 && waitpid(child, &status, 0) >= 0 ? status : -1;
}

/* Have the domain made again from its kept configuration. The new one takes its name and ends it; from then on that
 * file may go, so it is held open for another try. The child holds a job for the old one: if this daemon is killed, the
 * next one leaves that domain to the child. */
static int restart(unsigned id, const char *uuid)
{
	int config = open(record_path(id, "config"), O_RDONLY | O_CLOEXEC);
	int status, job, tries = RESTART_TRIES;

	if (config < 0)
		return fail_errno(errno, "%s: cannot open; the domain is not restarted",
				  record_path(id, "config"));
	job = job_begin(uuid);
	while ((status = try_restart(id, job, config)) != -1 && WIFSIGNALED(status) && --tries)
		warn("domain %u: the rl that was to restart it was killed (signal %d); trying again", id,
		     WTERMSIG(status));
	close(config);
	record_tidy(id); /* half written by one that was killed */
	if (job >= 0)
		job_end(uuid, job);
	return status ? fail("domain %u \"%s\" could not be restarted; the line before says why", id,
			     domain_name(id))
		      : 0;
}

static void end_domain(const struct record *r, const char *reason, const char *uuid)
{
	enum action action = action_for(r, reason);
	long rc;

	if (action == ACTION_PRESERVE)
		return;
	if (action == ACTION_RESTART && now_ms() - r->started_ms < RESTART_MIN_MS) {
		warn("domain %u \"%s\": %s after less than a second; destroyed instead of restarted", r->id,
		     domain_name(r->id), reason);
		action = ACTION_DESTROY;
	}
	if (action == ACTION_RESTART && !restart(r->id, uuid))
		return;
	rc = domain_end(&hv, r->id, reason, -1);
	record_tidy(r->id); /* left by an rl that was killed while restarting it */
	if (rc < 0 && rc != -ESRCH)
		fail_errno(rc, "cannot destroy domain %u", r->id);
}

/* The domains that have a record and have not ended, ascending. A domain's files are read when it comes and when it
 * ends, not when another does. */
static struct known {
	unsigned id;
	bool waits; /* look at it again when its job is over */
} * known;
static size_t nr_known;

static void know(unsigned id)
{
	size_t at = nr_known;
	struct known *grown;

	while (at && known[at - 1].id >= id)
		at--;
	if (at < nr_known && known[at].id == id)
		return;
	grown = realloc(known, (nr_known + 1) * sizeof(*known));
	if (!grown) {
		fail("out of memory for domain %u", id);
		return;
	}
	known = grown;
	memmove(known + at + 1, known + at, (nr_known++ - at) * sizeof(*known));
	known[at] = (struct known){.id = id};
}

static void know_all(void)
{
	unsigned *ids;
	size_t n = record_list(&ids);

	for (size_t i = 0; i < n; i++)
		know(ids[i]);
	free(ids);
}

static int tell_of_all(void)
{
	for (size_t i = 0; i < nr_known; i++)
		tell_of(&hv, xs_shared(), known[i].id);
	return tell_of_dom0(&hv, xs_shared());
}

/* Do what a domain needs of which the hypervisor says this (NULL: it is not there). False: nothing, ever again.
 * @busy: other processes are making or ending domains. */
static bool look_at(struct known *k, const struct xen_domctl_getdomaininfo *info, bool busy)
{
	char uuid[UUID_TEXT];
	struct record r;
	bool held;

	if (record_load(k->id, &r) || r.end[0])
		return false;
	if (info)
		uuid_print(info->handle, uuid);
	held = info && busy && job_is_held(uuid);
	k->waits = (info && r.ending && busy) || held;
	if (!info) /* destroyed by another program than rl, or by an rl that was killed */
		domain_forget(k->id, "destroyed", -1);
	else if (r.ending ? !busy : !held && info->flags & XEN_DOMINF_dying)
		/* the process that began it was killed, or knows nothing of rl's daemons, which have its pages */
		domain_end(&hv, k->id, "destroyed", -1);
	else if (!r.ending && !held && info->flags & XEN_DOMINF_shutdown) {
		if (!strcmp(shutdown_reason(info), "crash"))
			why_keep(&hv, info);
		end_domain(&r, shutdown_reason(info), uuid);
	}
	return true;
}

/* Look at one that the list has told of. If it is gone since, it waits for the next look. */
static bool look_closer(struct known *k, bool busy)
{
	struct xen_domctl_getdomaininfo info;

	if (!domain_info(&hv, k->id, &info))
		return look_at(k, &info, busy);
	k->waits = true;
	return true;
}

/* Is there a record of a domain that no `add` has announced? */
static void know_if_recorded(unsigned id)
{
	if (!access(record_path(id, "record"), F_OK))
		know(id);
}

/* Look at every known domain, and at the files of those that may be ending, or of @all. */
static void look(bool busy, bool all)
{
	const unsigned marks = XEN_DOMINF_shutdown | XEN_DOMINF_dying | XEN_DOMINF_paused;
	const struct ringlet_domain_state *list, *state;
	long count = domain_states(&hv, &list);
	size_t kept = 0, at = 0;

	if (count < 0) {
		fail_errno(count, "cannot list the domains");
		return;
	}
	/* Both are in ascending order. */
	for (state = list; state < list + count; state++) {
		while (at < nr_known && known[at].id < state->domain)
			at++;
		if (state->domain && (at == nr_known || known[at].id != state->domain))
			know_if_recorded(state->domain);
	}
	state = list;
	for (size_t i = 0; i < nr_known; i++) {
		struct known *k = &known[i];
		bool there;

		while (state < list + count && state->domain < k->id)
			state++;
		there = state < list + count && state->domain == k->id;
		if ((there && !all && !(state->flags & marks)) ||
		    (there ? look_closer(k, busy) : look_at(k, NULL, busy)))
			known[kept++] = *k;
	}
	nr_known = kept;
}

/* Look only at those that wait for it. True: some still wait. */
static bool look_again(bool busy)
{
	struct xen_domctl_getdomaininfo info;
	bool some = false;

	for (size_t i = 0; i < nr_known; i++) {
		struct known *k = &known[i];
		long rc = k->waits && !busy ? domain_info(&hv, k->id, &info) : -EAGAIN;

		if (!rc || rc == -ESRCH)
			k->waits = look_at(k, rc ? NULL : &info, false) && k->waits;
		some |= k->waits;
	}
	return some;
}

static bool told; /* a domain's, not only a job's */

/* @releaseDomain, or Dom0's name: that watch also fires when the store has started empty. */
static void take_event(struct xs *xs)
{
	char *path = xs_event(xs, 0);

	if (path && !strcmp(path + strlen(path) + 1, "again"))
		tell_of_all();
	free(path);
	told = true;
}

static void command(void *arg, char *line)
{
	unsigned id;

	if (sscanf(line, "add %u", &id) != 1)
		return;
	know(id);
	told = true;
}

int main(void)
{
	struct ctl_lines part = {.len = 0};
	struct xs *xs;
	int ctl;

	fail_program("rl-domd");
	signal(SIGPIPE, SIG_IGN);
	/* The shared connection is for questions; events have their own. */
	if (lock_take("rl-domd", false) || hv_open(&hv) || !xs_shared() || !(xs = xs_open()) ||
	    (ctl = ctl_listen("domd")) < 0)
		return 1;
	know_all();
	if (tell_of_all())
		return 1;
	if (xs_watch(xs, "@releaseDomain", "end") || xs_watch(xs, "/rl/name/Domain-0", "again")) {
		fail_errno(errno, "cannot watch @releaseDomain");
		return 1;
	}
	look(jobs_clear(&hv), true);
	for (;;) {
		struct pollfd fds[2] = {{.fd = xs_fd(xs), .events = POLLIN}, {.fd = ctl, .events = POLLIN}};
		size_t jobs = jobs_clear(&hv);
		bool waiting;

		if (told)
			look(jobs, false);
		told = false;
		waiting = look_again(jobs);
		/* No event comes when a process with a job is killed: look again and again, while there are jobs. */
		if (poll(fds, 2, xs_pending(xs) ? 0 : jobs || waiting ? JOBS_MS : -1) < 0)
			continue;
		if (fds[0].revents & POLLIN || xs_pending(xs))
			take_event(xs);
		if (fds[1].revents & POLLIN)
			ctl_receive(ctl, &part, command, NULL);
	}
}

/* SPDX-License-Identifier: MIT */
/* Waiting for a domain's end: `rl create --wait`, `rl shutdown -w`, `rl reboot -w`. */
#include "verbs.h"
#include "domains.h"
#include "files.h"

#include <errno.h>
#include <string.h>

/* As `rl help create` lists them. */
static int code_of(const char *reason)
{
	static const struct {
		const char *reason;
		int code;
	} codes[] = {{"poweroff", 0}, {"crash", 3},    {"reboot", 4},
		     {"suspend", 5},  {"watchdog", 6}, {"destroyed", 7}};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (!strcmp(reason, codes[i].reason))
			return codes[i].code;
	return EXIT_FAILED;
}

static bool is_preserved(const struct record *r, const char *reason)
{
	enum action action = !strcmp(reason, "poweroff")   ? r->on_poweroff
			     : !strcmp(reason, "reboot")   ? r->on_reboot
			     : !strcmp(reason, "watchdog") ? r->on_watchdog
							   : r->on_crash;

	return action == ACTION_PRESERVE;
}

/* Has domain @id ended, so that nothing of it is left, or shut down for good? The exit code, or -1. *@next: the
 * domain that replaces it, or -1. */
static int look(struct hv *hv, unsigned id, long *next)
{
	struct xen_domctl_getdomaininfo info;
	struct record r;
	/* In this order, a domain that ends in between is seen as still there. */
	long there = domain_info(hv, id, &info);
	bool known = !record_load(id, &r);

	*next = -1;
	if (known && r.end[0]) {
		*next = r.restarted;
		return code_of(r.end);
	}
	if (there == -ESRCH && !known)
		return code_of("destroyed");
	/* No daemon clears away a domain that rl did not make. */
	if (there >= 0 && info.flags & XEN_DOMINF_shutdown &&
	    (!known || is_preserved(&r, shutdown_reason(&info))))
		return code_of(shutdown_reason(&info));
	return -1;
}

int wait_for_end(unsigned id, bool follow, unsigned seconds)
{
	uint64_t until = now_ms() + seconds * 1000ull;
	struct hv *hv = rl_hv();

	for (; hv; sleep_ms(20)) {
		long next;
		int code = look(hv, id, &next);

		if (code >= 0 && !(follow && next >= 0))
			return code;
		if (code >= 0)
			id = next;
		if (seconds && now_ms() >= until)
			return EXIT_TIMEOUT;
	}
	return EXIT_FAILED;
}

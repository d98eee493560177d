/* SPDX-License-Identifier: MIT */
/* Waiting for a domain's end, for `rl create --wait`. */
#include "verbs.h"
#include "domains.h"
#include "files.h"

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
	enum action action = !strcmp(reason, "poweroff") ? r->on_poweroff
			     : !strcmp(reason, "reboot") ? r->on_reboot
							 : r->on_crash;

	return action == ACTION_PRESERVE;
}

int wait_for_end(unsigned id)
{
	struct xen_domctl_getdomaininfo info;
	struct hv *hv = rl_hv();
	struct record r;

	for (; hv; sleep_ms(20)) {
		if (record_load(id, &r))
			return code_of("destroyed");
		if (r.restarted >= 0) {
			id = r.restarted; /* it goes on under another id */
			continue;
		}
		/* rl-domd notes the end after it has restarted the domain, if it does. */
		if (r.end[0])
			return code_of(r.end);
		if (domain_info(hv, id, &info) >= 0 && (info.flags & XEN_DOMINF_shutdown) &&
		    is_preserved(&r, shutdown_reason(&info)))
			return code_of(shutdown_reason(&info));
	}
	return EXIT_FAILED;
}

/* SPDX-License-Identifier: MIT */
#include "audit/audit.h"
#include "dev/console.h"
#include "dom/domain.h"
#include "lib/options.h"

static void audit(void)
{
	audit_run();
}

void audit_init(void)
{
	debug_key_register('a', "audit of all frames", audit);
	if (options.audit_exit)
		machine_last = audit;
}

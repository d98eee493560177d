/* SPDX-License-Identifier: MIT */
/* What a PC (pc/pc.h) needs of the fv domain that has it. */
#include "evt/evtchn.h"
#include "fv/fv.h"
#include "sched/sched.h"
#include "xen/sched.h"

static struct fv *fv_with(const struct pc *pc)
{
	return container_of(pc, struct fv, pc);
}

static void interrupt(struct pc *pc)
{
	vcpu_mark_events(fv_with(pc)->v);
}

static void console(struct pc *pc)
{
	evtchn_send(fv_with(pc)->v->domain, fv_with(pc)->console_port);
}

static uint64_t seconds(const struct pc *pc)
{
	return wallclock_seconds() + fv_with(pc)->v->domain->sched.time_offset;
}

static bool stands_still(const struct pc *pc)
{
	return vcpu_stands_still(fv_with(pc)->v);
}

static void end(struct pc *pc, enum pc_end how)
{
	domain_shutdown(fv_with(pc)->v->domain, how == PC_OFF ? SHUTDOWN_poweroff : SHUTDOWN_reboot);
}

const struct pc_user fv_pc_user = {
    .interrupt = interrupt,
    .console = console,
    .seconds = seconds,
    .stands_still = stands_still,
    .end = end,
};

/* SPDX-License-Identifier: MIT */
/* The life of a domain: made, paused, stopped, ended. What it is: guest/domain.h. */
#pragma once

#include "guest/domain.h"

/* Boot, before there is a domain: domain_put() ends them from now on. */
void domains_init(void);

/* New domain, not yet runnable: id, of this kind. Returns NULL and *rc (-errno). */
struct domain *domain_create(domid_t id, const struct guest_kind *kind, int *rc); /* DOMID_INVALID: any id */
/* Change its kind while it is still empty: -EACCES afterwards. -ENOMEM: it is of that kind, but vCPUs lack what belongs to
 * it and take no context; another call goes on. */
int domain_set_kind(struct domain *d, const struct guest_kind *kind);
/* Its limits have changed: set how much may be held for it (dom/quota.c). */
void domain_set_quota(struct domain *d);
/* Allocate vCPU @id of @d. -ENOMEM, -EEXIST. */
int vcpu_create(struct domain *d, uint32_t id);
/* Its memory alone, aligned for the entry code; also for idle vCPUs. */
struct vcpu *vcpu_alloc(struct domain *d, uint32_t id);
void vcpu_free(struct vcpu *v);
/*
 * Its registers and tables from a vcpu_guest_context in the domain's layout; it goes online if that says so, and is
 * offline otherwise. @v does not run. -EINVAL: what the context says cannot be; if that shows before any change, @v
 * stays as it was. Otherwise it has no context any more. -ERESTART: it has none yet; call again, with no lock
 * held in between, after pt_settle().
 */
int vcpu_set_context(struct vcpu *v, const void *ctx);
/* Its context is about to change: until vcpu_set_context has set all of it, @v cannot run (mm/root.c). */
void vcpu_lose_context(struct vcpu *v);
/* VCPUOP_register_vcpu_info: move its vcpu_info into a frame of the guest. */
int vcpu_map_info(struct vcpu *v, mfn_t mfn, uint32_t offset);
void vcpu_unmap_info(struct vcpu *v);

void domain_pause(
    struct domain *d); /* counted; returns when no vCPU of @d runs. Not for current's own domain */
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);

/* SCHEDOP_shutdown and friends: stop all vCPUs of @d, tell Dom0 by VIRQ_DOM_EXC; for Dom0 end the machine. */
void domain_shutdown(struct domain *d, uint8_t reason);

/* XEN_DOMCTL_resumedomain: a domain that was stopped goes on, as if it had not been; nothing if it was not. */
void domain_resume(struct domain *d);

/* What is done before the machine stops with Dom0, unless that crashed; NULL: nothing. */
extern void (*machine_last)(void);

/* The guest cannot go on: log domain, vCPU, RIP, registers, guest backtrace and the sentence; then shut it
 * down with SHUTDOWN_crash. Returns: the caller unwinds, the exit path schedules away. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf_like(2, 3);

/* Give back everything of a dying domain; -ERESTART while work remains and other work is pending. */
int domain_relinquish(struct domain *d);

void vcpu_send_nmi(struct vcpu *v); /* any @v: on its way back to the guest its NMI handler is entered */

/* SCHEDOP_watchdog (dom/watchdog.c): @id 0 arms a free one for @seconds and returns its id; else set again,
 * or stopped by 0 seconds. A domain that lets one expire is shut down. d->dom.lock held. */
int watchdog_set(struct domain *d, uint32_t id, uint32_t seconds);
void watchdog_init(struct domain *d);
void watchdog_stop(struct domain *d);
/* @d is about to go on after a pause of @away, which does not count; then once more with 0 when it may run, for what
 * came due in between. d->dom.lock held over both. */
void watchdog_go_on(struct domain *d, ns_t away);

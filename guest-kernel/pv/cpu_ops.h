/* SPDX-License-Identifier: MIT */
/*
 * What a PV kernel has in place of privileged instructions (its sibling is native/cpu_ops.h): hypercalls,
 * made through the generated stubs, and memory shared with the hypervisor.
 */
#ifndef CPU_OPS_H
#define CPU_OPS_H

#include "machine.h"
#include "hypercall_stubs.h"
#include "x86/ports.h"
#include "xen/event_channel.h"
#include "xen/physdev.h"
#include "xen/sched.h"
#include "xen/vcpu.h"
#include "xen/version.h"
#include "xen/xen.h"

/* boot.c: what the domain builder wrote about this domain. */
extern const struct start_info *start_info;

/* paging.c: the page shared with the hypervisor. Each vCPU has a part of it: pending events, their mask (the
 * virtual interrupt flag), the fault address, the clock. */
extern struct shared_info shared_info;
#define VCPU (&shared_info.vcpu_info[cpu_id()])

/* Pseudo-physical and machine frame numbers (paging.c). mfn_to_pfn is for this domain's frames only. */
uint64_t pfn_to_mfn(pfn_t pfn);
pfn_t mfn_to_pfn(uint64_t mfn);
/* Machine address of something in the linear map: also what a device calls it. */
uint64_t machine_address(const void *virt);

/* Lets 2^order frames, which nobody uses, be in a row for the machine and its devices too. Their contents are lost. False: the
 * hypervisor has no such memory. */
bool machine_in_a_row(pfn_t first, unsigned order);

/* The byte of a device's memory at this machine address, and what follows in its page: uncached, and for good. NULL: no frame, or
 * refused. For Dom0. */
void *device_page(uint64_t address);

/* Write `count` leaf entries in a row that map frames of another domain (or a device's: DOMID_IO). Each gets
 * 0 or the hypervisor's -errno. PTE_FOREIGN is added to the flags. */
void pte_set_foreign(pte_t *ptep, const xen_pfn_t *mfns, int *errors, unsigned count, pte_t flags,
		     domid_t owner);

/* Event channels (interrupts.c). The port of a virtual interrupt of a vCPU, or of a channel from any vCPU to
 * this one; or -errno. */
int evtchn_bind_virq(uint32_t virq, unsigned cpu);
int evtchn_bind_ipi(unsigned cpu);
/* A new one to vCPU 0, for another domain to bind. */
int evtchn_bind_unbound(domid_t remote);
void evtchn_notify(evtchn_port_t port);
void evtchn_clear(evtchn_port_t port); /* what is pending is forgotten */
void evtchn_mask(evtchn_port_t port);
void evtchn_unmask(evtchn_port_t port);
void evtchn_close(evtchn_port_t port);

/* Let handler(data) be called for interrupts of a PCI function's line, as its configuration space has it. For Dom0. */
bool pci_irq_register(unsigned line, void (*handler)(void *data), void *data);

/* The hypervisor's clock, nanoseconds since the machine started (time.c). */
uint64_t system_time(void);

/* Let VIRQ_TIMER of a vCPU, which need not run yet, be its timer_interrupt() (time.c). */
void time_bind(unsigned cpu);

#endif

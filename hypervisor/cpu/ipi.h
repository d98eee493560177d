/* SPDX-License-Identifier: MIT */
/* Asking other CPUs. See also cpu_raise and cpu_service_requests (cpu/percpu.h). */
#pragma once

#include "lib/types.h"

/* Run @fn(@arg) on each online CPU of @cpus, this one included if named, and return when all have.
 * @fn runs with interrupts off, possibly inside a wait for a lock: it may take no locks. The caller may hold
 * any lock: waiting CPUs answer. */
void cpu_call(cpuset_t cpus, void (*fn)(void *arg), void *arg);

/* CPUs that answer calls. */
extern cpuset_t cpus_online;

/* Called by entry/ for every vector from 0x20 on except the guests' doors. It interrupts a guest, the idle
 * loop or the window of hypercall_preempt_check(), never a holder of locks. */
void irq_handler(uint8_t vector);
/* Register the handler of vectors VECTOR_IRQ_FIRST..LAST (dev/ioapic.c). */
void irq_set_device_handler(void (*fn)(uint8_t vector));

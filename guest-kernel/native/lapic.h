/* SPDX-License-Identifier: MIT */
/* The local APIC: each processor's own interrupt controller and timer. Used only if there are several. */
#ifndef LAPIC_H
#define LAPIC_H

#include "kern/lib/types.h"

bool lapic_present(void); /* lapic_map() was called */
void lapic_map(void);     /* once; then on every processor: */
void lapic_enable(void);
void lapic_calibrate(void); /* its timer, against time_ns(): once */
void lapic_timer_arm(uint64_t delay_ns);
void lapic_dispatch(unsigned vector);

/* To the processor with this APIC id: an interrupt, or what starts it at a page below 1 MiB. */
void lapic_send_ipi(unsigned apic_id);
void lapic_send_init(unsigned apic_id);
void lapic_send_startup(unsigned apic_id, unsigned page);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Device interrupts: the I/O APICs, on behalf of Dom0's physical IRQs and our serial line. Dom0's pirq number
 * is the GSI. The interrupt handler masks the line (level) or not (edge), notes the GSI in a bitmap and
 * raises PENDING_IRQ; irq_work() calls the registered function outside interrupts.
 */
#pragma once

#include "lib/types.h"

#define MAX_GSI 64

void ioapic_init(void); /* mask the PIC and all lines; maps the I/O APICs */
unsigned ioapic_gsi_count(void);

/* Route @gsi to this machine's boot CPU for Dom0. -EINVAL: no such line; -EBUSY: ours. Idempotent. */
int irq_bind_pirq(uint32_t gsi);
int irq_unbind_pirq(uint32_t gsi);
void irq_mask(uint32_t gsi);
void irq_unmask(uint32_t gsi); /* PHYSDEVOP_eoi */
/* Who is told: DOM's send_pirq. */
void irq_set_pirq_handler(void (*fn)(uint32_t gsi));
/* Exit work on PENDING_IRQ. */
void irq_work(void);

/* Our own use of a line: @fn runs in the interrupt. */
int irq_bind_host(uint32_t gsi, void (*fn)(void));
/* The line an ISA interrupt arrives at, by the MADT's overrides. */
uint32_t irq_isa_to_gsi(uint8_t isa_irq);

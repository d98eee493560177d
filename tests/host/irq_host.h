/* SPDX-License-Identifier: MIT */
/* Interrupt lines as they are, on a machine whose ports are a test's functions. Included by one file of a test, which defines
 * port_in() and port_out(). */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"

static uint32_t port_in(uint16_t port, unsigned size);
static void port_out(uint16_t port, unsigned size, uint32_t value);
#define inb(port)         ((uint8_t)port_in(port, 1))
#define inw(port)         ((uint16_t)port_in(port, 2))
#define inl(port)         port_in(port, 4)
#define outb(port, value) port_out(port, 1, value)
#define outw(port, value) port_out(port, 2, value)
#define outl(port, value) port_out(port, 4, value)
#include "dev/irq.c"

struct percpu host_percpu = {.self = &host_percpu, .apic_id = 2}, *cpu_table[MAX_CPUS] = {&host_percpu};

void cpu_service_requests(void)
{
}
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
}
void irq_set_device_handler(void (*fn)(uint8_t vector))
{
}
ns_t now(void)
{
	return 0;
}
void timer_init(struct timer *t, void (*handler)(void *), void *arg)
{
}
void timer_set(struct timer *t, ns_t expires)
{
}

/* SPDX-License-Identifier: MIT */
/*
 * Interrupts on the bare machine: the processor's interrupt flag, and the two 8259 interrupt controllers
 * that every PC still has. Their lines go to processor 0. Handlers run with interrupts off. What comes from a
 * local APIC (lapic.c) has vectors of its own. (Intel 8259A, Programming the 8259A)
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "lapic.h"

#define PIC1        0x20u /* command port; data port follows */
#define PIC2        0xa0u
#define PIC_EOI     0x20u
#define PIC_ISR     0x0bu /* next read of the command port: lines in service */
#define PIC_CASCADE 2u

#define LINES 16u

static struct {
	void (*handler)(void *data);
	void *data;
} lines[LINES];

static uint16_t masked = 0xffff & ~(1u << PIC_CASCADE);

static void write_masks(void)
{
	outb(PIC1 + 1, masked);
	outb(PIC2 + 1, masked >> 8);
}

static void init_pic(uint16_t port, uint8_t vector, uint8_t wiring)
{
	outb(port, 0x11); /* initialise: edge triggered, cascaded, a fourth word comes */
	outb(port + 1, vector);
	outb(port + 1, wiring);
	outb(port + 1, 0x01); /* 8086 mode */
}

void interrupts_init(void)
{
	init_pic(PIC1, VECTOR_IRQ, 1u << PIC_CASCADE);
	init_pic(PIC2, VECTOR_IRQ + 8, PIC_CASCADE);
	write_masks();
}

unsigned long irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags)::"memory");
	return flags & FLAG_IF;
}

void irq_restore(unsigned long was)
{
	if (was)
		irq_enable();
}

void irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

void irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

/* STI takes effect after the next instruction: nothing can come between it and HLT. (SDM 2B, STI) */
void cpu_idle(void)
{
	__asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}

void irq_register(unsigned line, void (*handler)(void *data), void *data)
{
	lines[line].handler = handler;
	lines[line].data = data;
	masked &= ~(1u << line);
	write_masks();
}

void irq_unregister(unsigned line)
{
	masked |= 1u << line;
	write_masks();
	lines[line].handler = NULL;
}

/* The firmware has led the function's pin to this line, and made the line level triggered. */
bool pci_irq_register(unsigned line, void (*handler)(void *data), void *data)
{
	if (!line || line >= LINES)
		return false;
	irq_register(line, handler, data);
	return true;
}

/* Lines 7 and 15 may be raised by noise; then nothing is in service and nothing must be acknowledged. */
static bool spurious(uint16_t pic)
{
	outb(pic, PIC_ISR);
	return !(inb(pic) & 0x80);
}

void irq_dispatch(unsigned vector)
{
	unsigned line = vector - VECTOR_IRQ;

	if (line >= LINES) {
		lapic_dispatch(vector);
		return;
	}
	if (line == 7 && spurious(PIC1))
		return;
	if (line == 15 && spurious(PIC2)) {
		outb(PIC1, PIC_EOI); /* the first controller did see its cascade line */
		return;
	}
	if (line >= 8)
		outb(PIC2, PIC_EOI);
	outb(PIC1, PIC_EOI);
	if (lines[line].handler)
		lines[line].handler(lines[line].data);
}

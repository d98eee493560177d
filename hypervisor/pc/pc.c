/* SPDX-License-Identifier: MIT */
/*
 * The ports of a PC that lead to a device. On all others nothing answers: reads give ones (so the PCI bus looks
 * empty), writes go nowhere.
 */
#include "pc/pc.h"
#include "cpu/clock.h"
#include "lib/pm1.h"
#include "ringlet/pc.h"

#define PORT_PIC1     0x20
#define PORT_PIT      0x40
#define PORT_PIT_LAST 0x43
#define PORT_KEYBOARD 0x64
#define PORT_B        0x61 /* timer channel 2: bit 0 its gate, bit 5 its output */
#define PORT_CMOS     0x70
#define PORT_PIC2     0xa0
#define PORT_UART     0x3f8
#define PORT_RESET    0xcf9

#define KEYBOARD_RESET 0xfe
#define RESET_CPU      0x04
#define CMOS_INDEX     0x7f
#define GATE2          0x01
#define OUTPUT2        0x20
#define TIMER_LINE     0

/* After anything that may have raised an interrupt. */
static void tell(struct pc *pc)
{
	if (pic_interrupts(&pc->pic))
		pc->user->interrupt(pc);
}

/* The lock is not held: timer_set() may wait for the handler. */
static void arm_pit(struct pc *pc)
{
	uint64_t at;

	spin_lock(&pc->lock);
	at = pit_next_edge(&pc->pit, 0, now());
	spin_unlock(&pc->lock);
	if (at)
		timer_set(&pc->pit_timer, at);
	else
		timer_stop(&pc->pit_timer);
}

static void pit_expired(void *arg)
{
	struct pc *pc = arg;

	spin_lock(&pc->lock);
	if (pit_tell(&pc->pit, 0, now())) {
		pic_set_line(&pc->pic, TIMER_LINE, false);
		pic_set_line(&pc->pic, TIMER_LINE, true);
		tell(pc);
	}
	spin_unlock(&pc->lock);
	if (!pc->user->stands_still(pc))
		arm_pit(pc);
}

/* All but one of the ticks of a pause are lost; that one is pending. The counter has gone on. */
void pc_go_on(struct pc *pc)
{
	if (!pc->pit_timer.cpu)
		arm_pit(pc);
}

static uint8_t read_port_b(struct pc *pc)
{
	uint8_t value = pc->pit.channel[2].gate ? GATE2 : 0;

	return value | (pit_output(&pc->pit, 2, now()) ? OUTPUT2 : 0);
}

static uint8_t read_byte(struct pc *pc, uint16_t port)
{
	switch (port) {
	case PORT_PIC1:
	case PORT_PIC1 + 1:
		return pic_read(&pc->pic, 0, port & 1);
	case PORT_PIC2:
	case PORT_PIC2 + 1:
		return pic_read(&pc->pic, 1, port & 1);
	case PORT_PIT ... PORT_PIT_LAST - 1:
		return pit_read(&pc->pit, port - PORT_PIT, now());
	case PORT_B:
		return read_port_b(pc);
	case PORT_KEYBOARD: /* ready for a command, which can only be the one for reset */
		return 0;
	case PORT_CMOS + 1:
		return cmos_read(pc->cmos_index, pc->user->seconds(pc));
	case PORT_UART ... PORT_UART + 7:
		return uart_read(pc, port - PORT_UART);
	}
	return 0xff;
}

static void write_byte(struct pc *pc, uint16_t port, uint8_t value)
{
	switch (port) {
	case PORT_PIC1:
	case PORT_PIC1 + 1:
		pic_write(&pc->pic, 0, port & 1, value);
		break;
	case PORT_PIC2:
	case PORT_PIC2 + 1:
		pic_write(&pc->pic, 1, port & 1, value);
		break;
	case PORT_PIT ... PORT_PIT_LAST - 1:
		pit_write(&pc->pit, port - PORT_PIT, value, now());
		break;
	case PORT_PIT_LAST:
		pit_command(&pc->pit, value, now());
		break;
	case PORT_B:
		pit_set_gate(&pc->pit, 2, value & GATE2, now());
		break;
	case PORT_CMOS:
		pc->cmos_index = value & CMOS_INDEX;
		break;
	case PORT_UART ... PORT_UART + 7:
		uart_write(pc, port - PORT_UART, value);
		break;
	}
}

uint32_t pc_read(struct pc *pc, uint16_t port, unsigned size)
{
	uint32_t value = 0;

	spin_lock(&pc->lock);
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)read_byte(pc, port + i) << 8 * i;
	tell(pc);
	spin_unlock(&pc->lock);
	return value;
}

static bool ends_it(struct pc *pc, uint16_t port, uint32_t value)
{
	if (port == RINGLET_PC_PM1A_PORT && (value & PM1_SLP_EN)) {
		pc->user->end(pc, PC_OFF);
		return true;
	}
	if ((port == PORT_KEYBOARD && (uint8_t)value == KEYBOARD_RESET) ||
	    (port == PORT_RESET && (value & RESET_CPU))) {
		pc->user->end(pc, PC_RESET);
		return true;
	}
	return false;
}

void pc_write(struct pc *pc, uint16_t port, unsigned size, uint32_t value)
{
	if (ends_it(pc, port, value))
		return;
	spin_lock(&pc->lock);
	for (unsigned i = 0; i < size; i++)
		write_byte(pc, port + i, value >> 8 * i);
	tell(pc);
	spin_unlock(&pc->lock);
	if (port >= PORT_PIT && port <= PORT_PIT_LAST)
		arm_pit(pc);
}

int pc_interrupt(struct pc *pc, bool *more)
{
	int vector = -1;

	spin_lock(&pc->lock);
	uart_poll(pc);
	if (pic_interrupts(&pc->pic))
		vector = pic_acknowledge(&pc->pic);
	*more = pic_interrupts(&pc->pic);
	spin_unlock(&pc->lock);
	return vector;
}

void pc_init(struct pc *pc, const struct pc_user *user)
{
	pc->user = user;
	pic_reset(&pc->pic);
	pit_reset(&pc->pit, now());
	timer_init(&pc->pit_timer, pit_expired, pc);
}

void pc_stop(struct pc *pc)
{
	timer_stop(&pc->pit_timer);
}

/* SPDX-License-Identifier: MIT */
/*
 * The ports of a PC that lead to a device. On all others nothing answers: reads give ones (so the PCI bus looks
 * empty), writes go nowhere.
 */
#include "evt/evtchn.h"
#include "fv/fv.h"
#include "sched/sched.h"
#include "ringlet/fv.h"
#include "xen/sched.h"

#define PORT_PIC1     0x20
#define PORT_PIT      0x40
#define PORT_PIT_LAST 0x43
#define PORT_KEYBOARD 0x64
#define PORT_B        0x61 /* timer channel 2: bit 0 its gate, bit 5 its output */
#define PORT_CMOS     0x70
#define PORT_PIC2     0xa0
#define PORT_UART     0x3f8
#define PORT_RESET    0xcf9

#define KEYBOARD_RESET   0xfe
#define PM1_SLEEP_ENABLE 0x2000
#define RESET_CPU        0x04
#define CMOS_INDEX       0x7f
#define GATE2            0x01
#define OUTPUT2          0x20
#define TIMER_LINE       0

void fv_update_intr(struct fv *fv)
{
	if (pic_interrupts(&fv->pic))
		vcpu_mark_events(fv->v);
}

/* The lock is not held: timer_set() may wait for the handler. */
static void arm_pit(struct fv *fv)
{
	uint64_t at;

	spin_lock(&fv->lock);
	at = pit_next_edge(&fv->pit, 0, now());
	spin_unlock(&fv->lock);
	if (at)
		timer_set(&fv->pit_timer, at);
	else
		timer_stop(&fv->pit_timer);
}

static void pit_expired(void *arg)
{
	struct fv *fv = arg;

	spin_lock(&fv->lock);
	if (pit_tell(&fv->pit, 0, now())) {
		pic_set_line(&fv->pic, TIMER_LINE, false);
		pic_set_line(&fv->pic, TIMER_LINE, true);
		fv_update_intr(fv);
	}
	spin_unlock(&fv->lock);
	if (!vcpu_stands_still(fv->v))
		arm_pit(fv);
}

/* All but one of the ticks of a pause are lost; that one is pending. The counter has gone on. */
void fv_timers_go_on(struct vcpu *v)
{
	if (v->fv && !v->fv->pit_timer.cpu)
		arm_pit(v->fv);
}

static uint8_t read_port_b(struct fv *fv)
{
	uint8_t value = fv->pit.channel[2].gate ? GATE2 : 0;

	return value | (pit_output(&fv->pit, 2, now()) ? OUTPUT2 : 0);
}

static uint8_t cmos(struct fv *fv)
{
	return fv_cmos_read(fv->cmos_index, wallclock_seconds() + fv->v->domain->time_offset);
}

static uint8_t read_byte(struct fv *fv, uint16_t port)
{
	switch (port) {
	case PORT_PIC1:
	case PORT_PIC1 + 1:
		return pic_read(&fv->pic, 0, port & 1);
	case PORT_PIC2:
	case PORT_PIC2 + 1:
		return pic_read(&fv->pic, 1, port & 1);
	case PORT_PIT ... PORT_PIT_LAST - 1:
		return pit_read(&fv->pit, port - PORT_PIT, now());
	case PORT_B:
		return read_port_b(fv);
	case PORT_KEYBOARD: /* ready for a command, which can only be the one for reset */
		return 0;
	case PORT_CMOS + 1:
		return cmos(fv);
	case PORT_UART ... PORT_UART + 7:
		return fv_uart_read(fv, port - PORT_UART);
	}
	return 0xff;
}

static void write_byte(struct fv *fv, uint16_t port, uint8_t value)
{
	switch (port) {
	case PORT_PIC1:
	case PORT_PIC1 + 1:
		pic_write(&fv->pic, 0, port & 1, value);
		break;
	case PORT_PIC2:
	case PORT_PIC2 + 1:
		pic_write(&fv->pic, 1, port & 1, value);
		break;
	case PORT_PIT ... PORT_PIT_LAST - 1:
		pit_write(&fv->pit, port - PORT_PIT, value, now());
		break;
	case PORT_PIT_LAST:
		pit_command(&fv->pit, value, now());
		break;
	case PORT_B:
		pit_set_gate(&fv->pit, 2, value & GATE2, now());
		break;
	case PORT_CMOS:
		fv->cmos_index = value & CMOS_INDEX;
		break;
	case PORT_UART ... PORT_UART + 7:
		fv_uart_write(fv, port - PORT_UART, value);
		break;
	}
}

uint32_t fv_port_read(struct vcpu *v, uint16_t port, unsigned size)
{
	struct fv *fv = fv_of(v);
	uint32_t value = 0;

	spin_lock(&fv->lock);
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)read_byte(fv, port + i) << 8 * i;
	fv_update_intr(fv);
	spin_unlock(&fv->lock);
	return value;
}

static bool ends_it(struct vcpu *v, uint16_t port, uint32_t value)
{
	if (port == RINGLET_FV_PM1A_PORT && (value & PM1_SLEEP_ENABLE)) {
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
		return true;
	}
	if ((port == PORT_KEYBOARD && (uint8_t)value == KEYBOARD_RESET) ||
	    (port == PORT_RESET && (value & RESET_CPU))) {
		domain_shutdown(v->domain, SHUTDOWN_reboot);
		return true;
	}
	return false;
}

void fv_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	struct fv *fv = fv_of(v);

	if (ends_it(v, port, value))
		return;
	spin_lock(&fv->lock);
	for (unsigned i = 0; i < size; i++)
		write_byte(fv, port + i, value >> 8 * i);
	fv_update_intr(fv);
	spin_unlock(&fv->lock);
	if (port >= PORT_PIT && port <= PORT_PIT_LAST)
		arm_pit(fv);
}

void fv_devices_init(struct fv *fv)
{
	pic_reset(&fv->pic);
	pit_reset(&fv->pit, now());
	timer_init(&fv->pit_timer, pit_expired, fv);
}

void fv_devices_stop(struct fv *fv)
{
	timer_stop(&fv->pit_timer);
}

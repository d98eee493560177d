/* SPDX-License-Identifier: MIT */
/*
 * A 16550 whose other end is the console ring that Dom0's console daemon serves (xen/io/console.h), as for a
 * paravirtual domain: the guest's bytes come and go through the ring without a buffer in between. The indices
 * are free running and masked at each use, so Dom0 could only confuse the guest. (National Semiconductor
 * PC16550D, Registers.) fv->lock held.
 */
#include "evt/evtchn.h"
#include "fv/fv.h"
#include "sched/sched.h"
#include "xen/io/console.h"

#define LINE     4
#define PATIENCE 200000000ull /* ns: after that Dom0 does not read the console, and output is lost */

enum uart_register {
	REG_DATA, /* DLAB: divisor */
	REG_IER,
	REG_IIR, /* write: FIFO control */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCRATCH,
};

#define DLAB          0x80
#define IER_RECEIVED  0x01
#define IER_SENT      0x02
#define IIR_NONE      0x01
#define IIR_SENT      0x02
#define IIR_RECEIVED  0x04
#define IIR_FIFO      0xc0
#define MCR_OUT2      0x08 /* on a PC: the interrupt line is connected */
#define LSR_RECEIVED  0x01
#define LSR_EMPTY     0x60
#define MSR_CONNECTED 0xb0 /* DCD, DSR, CTS */

static void notify(struct fv *fv)
{
	evtchn_send(fv->v->domain, fv->console_port);
}

static bool has_input(const struct fv *fv)
{
	return __atomic_load_n(&fv->console->in_prod, __ATOMIC_ACQUIRE) != fv->console->in_cons;
}

static bool has_room(const struct fv *fv)
{
	const struct xencons_interface *ring = fv->console;

	return ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) < sizeof(ring->out);
}

/* Full, but Dom0 may be about to take something. */
static bool must_wait(struct fv *fv)
{
	if (has_room(fv)) {
		fv->uart.full_since = 0;
		return false;
	}
	if (!fv->uart.full_since)
		fv->uart.full_since = now();
	return now() - fv->uart.full_since < PATIENCE;
}

void fv_uart_poll(struct fv *fv)
{
	const struct fv_uart *u = &fv->uart;
	bool wants = ((u->ier & IER_RECEIVED) && has_input(fv)) || ((u->ier & IER_SENT) && u->sent);

	pic_set_line(&fv->pic, LINE, wants && (u->mcr & MCR_OUT2));
}

static uint8_t receive(struct fv *fv)
{
	struct xencons_interface *ring = fv->console;
	XENCONS_RING_IDX cons = ring->in_cons, used = ring->in_prod - cons;
	uint8_t byte;

	if (!used)
		return 0;
	byte = ring->in[MASK_XENCONS_IDX(cons, ring->in)];
	__atomic_store_n(&ring->in_cons, cons + 1, __ATOMIC_RELEASE);
	if (used == 1 || used >= sizeof(ring->in))
		notify(fv); /* there may be more that found no room */
	return byte;
}

static void transmit(struct fv *fv, uint8_t byte)
{
	struct xencons_interface *ring = fv->console;

	if (has_room(fv)) {
		ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = byte;
		__atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
	}
	notify(fv);
	fv->uart.sent = true;
}

static uint8_t interrupt_id(struct fv *fv)
{
	if ((fv->uart.ier & IER_RECEIVED) && has_input(fv))
		return IIR_FIFO | IIR_RECEIVED;
	if ((fv->uart.ier & IER_SENT) && fv->uart.sent) {
		fv->uart.sent = false;
		return IIR_FIFO | IIR_SENT;
	}
	return IIR_FIFO | IIR_NONE;
}

static uint8_t read_register(struct fv *fv, unsigned reg)
{
	struct fv_uart *u = &fv->uart;

	switch (reg) {
	case REG_DATA:
		return u->lcr & DLAB ? u->divisor[0] : receive(fv);
	case REG_IER:
		return u->lcr & DLAB ? u->divisor[1] : u->ier;
	case REG_IIR:
		return interrupt_id(fv);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return (has_input(fv) ? LSR_RECEIVED : 0) | (must_wait(fv) ? 0 : LSR_EMPTY);
	case REG_MSR:
		return MSR_CONNECTED;
	}
	return u->scratch;
}

static void write_register(struct fv *fv, unsigned reg, uint8_t value)
{
	struct fv_uart *u = &fv->uart;

	switch (reg) {
	case REG_DATA:
	case REG_IER:
		if (u->lcr & DLAB)
			u->divisor[reg] = value;
		else if (reg == REG_DATA)
			transmit(fv, value);
		else
			u->ier = value & 0x0f;
		u->sent |= reg == REG_IER && (value & IER_SENT);
		return;
	case REG_LCR:
		u->lcr = value;
		return;
	case REG_MCR:
		u->mcr = value;
		return;
	case REG_SCRATCH:
		u->scratch = value;
		return;
	}
}

uint8_t fv_uart_read(struct fv *fv, unsigned reg)
{
	uint8_t value = read_register(fv, reg);

	fv_uart_poll(fv);
	return value;
}

void fv_uart_write(struct fv *fv, unsigned reg, uint8_t value)
{
	write_register(fv, reg, value);
	fv_uart_poll(fv);
}

/* SPDX-License-Identifier: MIT */
/*
 * A 16550 whose other end is the console ring that Dom0's console daemon serves (xen/io/console.h), as for a
 * paravirtual domain: the guest's bytes come and go through the ring without a buffer in between. The indices
 * are free running and masked at each use, so Dom0 could only confuse the guest. (National Semiconductor
 * PC16550D, Registers.)
 */
#include "cpu/clock.h"
#include "pc/pc.h"
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

static bool has_input(const struct pc *pc)
{
	return __atomic_load_n(&pc->console->in_prod, __ATOMIC_ACQUIRE) != pc->console->in_cons;
}

static bool has_room(const struct pc *pc)
{
	const struct xencons_interface *ring = pc->console;

	return ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) < sizeof(ring->out);
}

/* Full, but Dom0 may be about to take something. */
static bool must_wait(struct pc *pc)
{
	if (has_room(pc)) {
		pc->uart.full_since = 0;
		return false;
	}
	if (!pc->uart.full_since)
		pc->uart.full_since = now();
	return now() - pc->uart.full_since < PATIENCE;
}

void uart_poll(struct pc *pc)
{
	const struct pc_uart *u = &pc->uart;
	bool wants = ((u->ier & IER_RECEIVED) && has_input(pc)) || ((u->ier & IER_SENT) && u->sent);

	pic_set_line(&pc->pic, LINE, wants && (u->mcr & MCR_OUT2));
}

static uint8_t receive(struct pc *pc)
{
	struct xencons_interface *ring = pc->console;
	XENCONS_RING_IDX cons = ring->in_cons, used = ring->in_prod - cons;
	uint8_t byte;

	if (!used)
		return 0;
	byte = ring->in[MASK_XENCONS_IDX(cons, ring->in)];
	__atomic_store_n(&ring->in_cons, cons + 1, __ATOMIC_RELEASE);
	if (used == 1 || used >= sizeof(ring->in))
		pc->user->console(pc); /* there may be more that found no room */
	return byte;
}

static void transmit(struct pc *pc, uint8_t byte)
{
	struct xencons_interface *ring = pc->console;

	if (has_room(pc)) {
		ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = byte;
		__atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
	}
	pc->user->console(pc);
	pc->uart.sent = true;
}

static uint8_t interrupt_id(struct pc *pc)
{
	if ((pc->uart.ier & IER_RECEIVED) && has_input(pc))
		return IIR_FIFO | IIR_RECEIVED;
	if ((pc->uart.ier & IER_SENT) && pc->uart.sent) {
		pc->uart.sent = false;
		return IIR_FIFO | IIR_SENT;
	}
	return IIR_FIFO | IIR_NONE;
}

static uint8_t read_register(struct pc *pc, unsigned reg)
{
	struct pc_uart *u = &pc->uart;

	switch (reg) {
	case REG_DATA:
		return u->lcr & DLAB ? u->divisor[0] : receive(pc);
	case REG_IER:
		return u->lcr & DLAB ? u->divisor[1] : u->ier;
	case REG_IIR:
		return interrupt_id(pc);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return (has_input(pc) ? LSR_RECEIVED : 0) | (must_wait(pc) ? 0 : LSR_EMPTY);
	case REG_MSR:
		return MSR_CONNECTED;
	}
	return u->scratch;
}

static void write_register(struct pc *pc, unsigned reg, uint8_t value)
{
	struct pc_uart *u = &pc->uart;

	switch (reg) {
	case REG_DATA:
	case REG_IER:
		if (u->lcr & DLAB)
			u->divisor[reg] = value;
		else if (reg == REG_DATA)
			transmit(pc, value);
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

uint8_t uart_read(struct pc *pc, unsigned reg)
{
	uint8_t value = read_register(pc, reg);

	uart_poll(pc);
	return value;
}

void uart_write(struct pc *pc, unsigned reg, uint8_t value)
{
	write_register(pc, reg, value);
	uart_poll(pc);
}

/* SPDX-License-Identifier: MIT */
/*
 * The devices of a PC, for kernels that were written for the bare machine: two 8259, an 8254, a 16550, the clock chip,
 * ACPI's sleep register and two ways to reset. Whose PC it is they do not know: what they need done is in struct
 * pc_user, which a kind of guest fills.
 *
 * Timers reach the devices from any CPU: they are under `lock`.
 */
#pragma once

#include "cpu/timer.h"
#include "lib/spinlock.h"
#include "pc/pic.h"
#include "pc/pit.h"

struct pc;
struct xencons_interface;

enum pc_end {
	PC_OFF,
	PC_RESET,
};

/* What the user of a PC does for it. */
struct pc_user {
	void (*interrupt)(struct pc *pc);          /* one waits for pc_interrupt(); lock held, from any CPU */
	void (*console)(struct pc *pc);            /* tell the other end of the ring to look; lock held */
	uint64_t (*seconds)(const struct pc *pc);  /* since 1970, for the clock chip */
	bool (*stands_still)(const struct pc *pc); /* it is paused: its timer is to stop */
	void (*end)(struct pc *pc, enum pc_end how);
};

struct pc_uart {
	uint8_t ier, lcr, mcr, scratch, divisor[2];
	bool sent; /* transmitter empty since the last look: its interrupt is due */
	ns_t full_since;
};

struct pc {
	const struct pc_user *user;
	struct spinlock lock;
	struct pic pic;
	struct pit pit;
	struct timer pit_timer;
	struct pc_uart uart;
	uint8_t cmos_index;
	struct xencons_interface *console; /* the other end of the serial line */
};

void pc_init(struct pc *pc, const struct pc_user *user);
void pc_stop(struct pc *pc);
void pc_go_on(struct pc *pc); /* unpaused: its timer was not set again meanwhile */
/* @size bytes from @port on: 1, 2 or 4. */
uint32_t pc_read(struct pc *pc, uint16_t port, unsigned size);
void pc_write(struct pc *pc, uint16_t port, unsigned size, uint32_t value);
/* The processor takes an interrupt: its vector, or -1; *more: another one waits behind it. */
int pc_interrupt(struct pc *pc, bool *more);

/* ---- uart.c: lock held ---- */

/* The other end of the console has moved. */
void uart_poll(struct pc *pc);
uint8_t uart_read(struct pc *pc, unsigned reg);
void uart_write(struct pc *pc, unsigned reg, uint8_t value);

/* ---- cmos.c ---- */

uint8_t cmos_read(uint8_t index, uint64_t seconds); /* seconds since 1970 */

/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines. A line is a vector, the chip that sends it (an I/O APIC's pin, a message of a PCI function) and its
 * users. One user may be the hypervisor itself, alone; else they are PIRQs of domains (evt/pirq.c), which may share.
 */
#pragma once

#include "cpu/lapic.h"
#include "lib/spinlock.h"
#include "lib/types.h"

#define IRQ_USERS_MAX 7 /* of one line, as on Xen */

struct irq_line;

/* Locked by irq_lock. */
struct irq_chip {
	const char *name;
	void (*mask)(struct irq_line *l);
	void (*unmask)(struct irq_line *l);
	void (*aim)(struct irq_line *l);            /* at processor l->apic_id */
	void (*last_user_gone)(struct irq_line *l); /* NULL: the line stays */
};

/* Embedded in the structure that is told. Its owner fills in one of the two functions; the rest is the line's. */
struct irq_user {
	struct irq_user *next;
	struct irq_line *line; /* NULL: it has none */
	bool owes_eoi;         /* it was told, and the line is masked until it has said EOI */
	bool shares;           /* it accepts others on its line */
	/* The hypervisor's own: called in the interrupt, irq_lock held. */
	void (*at_once)(void);
	/* A guest's: called in the exit path, irq_lock held. False: it has not taken the last one yet. */
	bool (*arrived)(struct irq_user *u);
};

/* Where a message comes from (dev/msi.c). */
struct msi {
	uint16_t function;        /* bus << 8 | device << 3 | function */
	uint8_t capability;       /* its place in configuration space */
	bool wide;                /* MSI: the address has 64 bits */
	bool has_mask;            /* MSI: there is a mask register */
	volatile uint32_t *entry; /* MSI-X: in the function's table, 4 words; NULL: MSI */
	uint16_t number;          /* MSI-X: of that entry */
};

struct irq_line {
	const struct irq_chip *chip; /* NULL: the vector is free */
	struct irq_user *users;
	uint8_t vector;
	bool level;      /* raised until the device is served: masked from arrival to the last EOI */
	bool masked;     /* as the chip was told last */
	bool resting;    /* came again before a user had taken the last one: masked for a while */
	bool waits;      /* in the list of lines that have arrived */
	uint8_t owing;   /* users that owe an EOI */
	uint8_t apic_id; /* where its interrupts go */
	struct irq_line *next_arrived;
	uint32_t gsi;   /* I/O APIC */
	struct msi msi; /* messages */
};

/* Guards all lines, their users and chips. Taken inside evt.lock; pci_lock and the scheduler's come inside it. */
extern struct spinlock irq_lock;

void irq_init(void);

/*
 * Add @u to the line of interrupt @gsi, which gets a vector with its first user; and unmask it. -EINVAL: no such
 * interrupt; -EBUSY: its users do not share, or are too many; -ENOSPC: there is no vector left.
 */
int irq_attach_gsi(struct irq_user *u, uint32_t gsi);
/* Add @u to @l. -EBUSY as above. */
int irq_attach(struct irq_user *u, struct irq_line *l);
/* Take @u off its line, if it has one. After return it is not called any more. An I/O APIC's line ends with its last user. */
void irq_detach(struct irq_user *u);
/* @u has served what it was told of. */
void irq_eoi(struct irq_user *u);
/* Has the line of @u other users? */
bool irq_shared(const struct irq_user *u);
/* Send the line's interrupts to the processor @apic_id from now on, if it can be reached. */
void irq_aim(struct irq_user *u, uint32_t apic_id);

/* Exit work on PENDING_IRQ: tell the users of lines that have arrived. */
void irq_work(void);

/* For chips, irq_lock held. A free vector as a masked line of @chip, or NULL. */
struct irq_line *irq_line_alloc(const struct irq_chip *chip);
void irq_line_free(struct irq_line *l);
void irq_set_mask(struct irq_line *l, bool masked);
/* @u to @l, as irq_attach(). */
int irq_attach_locked(struct irq_user *u, struct irq_line *l);
/* The line that has @vector, which a chip has allocated. */
struct irq_line *irq_line_by_vector(uint8_t vector);
/* Each line in turn: NULL begins, NULL ends. */
struct irq_line *irq_line_next(struct irq_line *l);

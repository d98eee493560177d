/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines: vectors, users, and what happens to an interrupt. The handler notes the line and raises PENDING_IRQ;
 * irq_work() tells the users outside the interrupt.
 *
 * No line can keep a processor busy by itself. One without users is masked when an interrupt comes. A level line is
 * masked until each user has said EOI. An edge or a message that comes again while no user has taken the last one is
 * masked until one says EOI, or for a millisecond: two interrupts in that time, however often the device sends.
 */
#include "dev/irq.h"
#include "cpu/ipi.h"
#include "cpu/clock.h"
#include "cpu/percpu.h"
#include "cpu/timer.h"
#include "lib/errno.h"

/* Guests' doors, which lie in between (cpu/idt.c). */
#define VECTOR_INT80 0x80
#define VECTOR_INT82 0x82
#define REST_NS      1000000
#define APIC_ID_ALL  0xff /* eight bits name the destination; this means every processor */

struct spinlock irq_lock;
static struct irq_line lines[VECTOR_IRQ_LAST - VECTOR_IRQ_FIRST + 1];
static struct irq_line *arrived; /* through next_arrived */
static struct timer rest_timer;

struct irq_line *irq_line_next(struct irq_line *l)
{
	for (l = l ? l + 1 : lines; l < lines + ARRAY_SIZE(lines); l++)
		if (l->chip)
			return l;
	return NULL;
}

struct irq_line *irq_line_alloc(const struct irq_chip *chip)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		struct irq_line *l = &lines[i];
		uint8_t vector = VECTOR_IRQ_FIRST + i;

		if (l->chip || l->waits || vector == VECTOR_INT80 || vector == VECTOR_INT82)
			continue;
		*l = (struct irq_line){.chip = chip, .vector = vector, .masked = true};
		l->apic_id = cpu_table[0]->apic_id;
		return l;
	}
	return NULL;
}

struct irq_line *irq_line_by_vector(uint8_t vector)
{
	return &lines[vector - VECTOR_IRQ_FIRST];
}

void irq_line_free(struct irq_line *l)
{
	irq_set_mask(l, true);
	l->chip = NULL;
}

void irq_set_mask(struct irq_line *l, bool masked)
{
	if (l->masked == masked)
		return;
	l->masked = masked;
	if (masked)
		l->chip->mask(l);
	else
		l->chip->unmask(l);
}

/* Unmask it, unless it must wait for an EOI or rest. */
static void let_come(struct irq_line *l)
{
	if (!l->owing && !l->resting && l->users)
		irq_set_mask(l, false);
}

static unsigned count_users(const struct irq_line *l)
{
	unsigned n = 0;

	for (const struct irq_user *u = l->users; u; u = u->next)
		n++;
	return n;
}

static bool takes_another(const struct irq_line *l, const struct irq_user *u)
{
	return !l->users || (u->shares && l->users->shares && count_users(l) < IRQ_USERS_MAX);
}

int irq_attach_locked(struct irq_user *u, struct irq_line *l)
{
	if (!takes_another(l, u))
		return -EBUSY;
	u->line = l;
	u->owes_eoi = false;
	u->next = l->users;
	l->users = u;
	let_come(l);
	return 0;
}

int irq_attach(struct irq_user *u, struct irq_line *l)
{
	int rc;

	spin_lock(&irq_lock);
	rc = irq_attach_locked(u, l);
	spin_unlock(&irq_lock);
	return rc;
}

static void paid(struct irq_user *u)
{
	if (!u->owes_eoi)
		return;
	u->owes_eoi = false;
	u->line->owing--;
}

static void unlink_user(struct irq_user *u)
{
	struct irq_user **at = &u->line->users;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
}

void irq_detach(struct irq_user *u)
{
	struct irq_line *l;

	spin_lock(&irq_lock);
	l = u->line;
	if (l) {
		paid(u);
		unlink_user(u);
		u->line = NULL;
		if (!l->users)
			irq_set_mask(l, true);
		if (!l->users && l->chip->last_user_gone)
			l->chip->last_user_gone(l);
		else
			let_come(l);
	}
	spin_unlock(&irq_lock);
}

void irq_eoi(struct irq_user *u)
{
	spin_lock(&irq_lock);
	if (u->line) {
		paid(u);
		u->line->resting = false;
		let_come(u->line);
	}
	spin_unlock(&irq_lock);
}

bool irq_shared(const struct irq_user *u)
{
	bool shared;

	spin_lock(&irq_lock);
	shared = u->line && u->line->users->next;
	spin_unlock(&irq_lock);
	return shared;
}

void irq_aim(struct irq_user *u, uint32_t apic_id)
{
	spin_lock(&irq_lock);
	if (u->line && apic_id < APIC_ID_ALL && u->line->apic_id != apic_id) {
		u->line->apic_id = apic_id;
		u->line->chip->aim(u->line);
	}
	spin_unlock(&irq_lock);
}

static void arrive(struct irq_line *l)
{
	if (!l->chip)
		return; /* the last message of a line that was freed */
	if (l->users && l->users->at_once) {
		l->users->at_once();
		return;
	}
	if (l->level || !l->users)
		irq_set_mask(l, true);
	if (!l->users || l->waits)
		return;
	l->waits = true;
	l->next_arrived = arrived;
	arrived = l;
	cpu_raise(this_cpu->self, PENDING_IRQ);
}

static void on_interrupt(uint8_t vector)
{
	spin_lock(&irq_lock);
	arrive(irq_line_by_vector(vector));
	spin_unlock(&irq_lock);
}

static void tell(struct irq_line *l)
{
	bool news = false;

	for (struct irq_user *u = l->users; u; u = u->next) {
		news |= u->arrived(u);
		if (l->level && !u->owes_eoi) {
			u->owes_eoi = true;
			l->owing++;
		}
	}
	if (!news && !l->level && l->users) {
		l->resting = true;
		irq_set_mask(l, true);
		/* The timer ends the rest of all lines at once. irq_lock is held: no other CPU sets it. */
		if (!rest_timer.cpu)
			timer_set(&rest_timer, now() + REST_NS);
	}
}

void irq_work(void)
{
	struct irq_line *l;

	spin_lock(&irq_lock);
	while ((l = arrived) != NULL) {
		arrived = l->next_arrived;
		l->waits = false;
		if (l->chip)
			tell(l);
	}
	spin_unlock(&irq_lock);
}

static void rest_over(void *arg)
{
	spin_lock(&irq_lock);
	for (struct irq_line *l = NULL; (l = irq_line_next(l)) != NULL;)
		if (l->resting) {
			l->resting = false;
			let_come(l);
		}
	spin_unlock(&irq_lock);
}

void irq_init(void)
{
	timer_init(&rest_timer, rest_over, NULL);
	irq_set_device_handler(on_interrupt);
}

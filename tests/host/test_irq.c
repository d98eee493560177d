/* SPDX-License-Identifier: MIT */
/*
 * Specification: interrupt lines.
 *   vectors   each is given once, never a guest's door, until there is none; one whose last interrupt waits is not reused
 *   users     one alone, or several that all share, seven at most; the hypervisor's own is called in the interrupt
 *   level     masked from its arrival until each user that was told has said EOI, or has gone
 *   edge      comes as often as it likes to a user that takes it; if none has taken the last one it rests, until an EOI
 *             or until the time is over
 *   no user   a line without users is masked when it comes, and so is one that loses its last
 *   aim       goes to processors with short numbers alone
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dev/irq.c"

struct percpu host_percpu, *cpu_table[MAX_CPUS] = {&host_percpu};
static void (*interrupt)(uint8_t vector);
static unsigned aimed, gone, rests, own;

void cpu_service_requests(void)
{
}
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	cpu->pending |= bits;
}
void irq_set_device_handler(void (*fn)(uint8_t vector))
{
	interrupt = fn;
}

static void chip_mask(struct irq_line *l)
{
	assert_true(l->masked);
}
static void chip_unmask(struct irq_line *l)
{
	assert_false(l->masked);
}
static void chip_aim(struct irq_line *l)
{
	aimed++;
}
static void chip_gone(struct irq_line *l)
{
	gone++;
	irq_line_free(l);
}
static const struct irq_chip pins = {
    .mask = chip_mask, .unmask = chip_unmask, .aim = chip_aim, .last_user_gone = chip_gone};
static const struct irq_chip messages = {.mask = chip_mask, .unmask = chip_unmask, .aim = chip_aim};

struct user {
	struct irq_user u;
	unsigned told;
	bool takes;
};

static bool told(struct irq_user *u)
{
	struct user *user = container_of(u, struct user, u);

	assert_int_equal(irq_lock.held, 1);
	user->told++;
	return user->takes;
}
static void at_once(void)
{
	own++;
}
ns_t now(void)
{
	return 5;
}
static struct timer *resting;
void timer_init(struct timer *t, void (*handler)(void *), void *arg)
{
	*t = (struct timer){.handler = handler, .arg = arg};
}
void timer_set(struct timer *t, ns_t expires)
{
	assert_int_equal(expires, 5 + REST_NS);
	t->cpu = &host_percpu;
	resting = t;
	rests++;
}
static void rest_is_over(void)
{
	resting->cpu = NULL;
	resting->handler(resting->arg);
}

static struct user a, b, users[IRQ_USERS_MAX + 1];

static void reset_user(struct user *u, bool shares)
{
	*u = (struct user){.u = {.arrived = told, .shares = shares}, .takes = true};
}

static int setup(void **state)
{
	memset(lines, 0, sizeof(lines));
	arrived = NULL;
	aimed = gone = rests = own = host_percpu.pending = 0;
	host_percpu.self = &host_percpu;
	reset_user(&a, true);
	reset_user(&b, true);
	for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
		reset_user(&users[i], true);
	irq_init();
	return 0;
}

static void comes(struct irq_line *l)
{
	host_percpu.pending = 0;
	interrupt(l->vector);
}

static void vectors(void **state)
{
	bool used[256] = {false};
	struct irq_line *l, *waiting = NULL;
	unsigned n = 0;

	while ((l = irq_line_alloc(&messages)) != NULL) {
		assert_true(l->vector >= VECTOR_IRQ_FIRST && l->vector <= VECTOR_IRQ_LAST);
		assert_true(l->vector != VECTOR_INT80 && l->vector != VECTOR_INT82);
		assert_false(used[l->vector]);
		assert_true(l->masked);
		assert_ptr_equal(irq_line_by_vector(l->vector), l);
		used[l->vector] = true;
		n++;
		waiting = l;
	}
	assert_int_equal(n, VECTOR_IRQ_LAST - VECTOR_IRQ_FIRST + 1 - 2);
	n = 0;
	for (l = NULL; (l = irq_line_next(l)) != NULL;)
		n++;
	assert_int_equal(n, VECTOR_IRQ_LAST - VECTOR_IRQ_FIRST + 1 - 2);
	assert_int_equal(irq_attach(&a.u, waiting), 0);
	comes(waiting);
	irq_detach(&a.u);
	irq_line_free(waiting);
	assert_null(irq_line_alloc(&pins));
	irq_work();
	assert_int_equal(a.told, 0);
	assert_ptr_equal(irq_line_alloc(&pins), waiting);
	/* One that comes late, to no user. */
	irq_line_free(waiting);
	comes(waiting);
	assert_int_equal(host_percpu.pending, 0);
}

static void sharing(void **state)
{
	struct irq_line *l = irq_line_alloc(&messages), *other = irq_line_alloc(&messages);

	a.u.shares = false;
	assert_int_equal(irq_attach(&a.u, l), 0);
	assert_int_equal(irq_attach(&b.u, l), -EBUSY);
	irq_detach(&a.u);
	assert_int_equal(irq_attach(&b.u, l), 0);
	assert_int_equal(irq_attach(&a.u, l), -EBUSY);
	a.u.shares = true;
	assert_false(irq_shared(&b.u));
	assert_int_equal(irq_attach(&a.u, l), 0);
	assert_true(irq_shared(&b.u));
	for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
		assert_int_equal(irq_attach(&users[i].u, l), i < IRQ_USERS_MAX - 2 ? 0 : -EBUSY);
	comes(l);
	irq_work();
	assert_int_equal(a.told + b.told + users[0].told, 3);
	/* From the middle, from the end, from the beginning. */
	irq_detach(&users[1].u);
	irq_detach(&b.u);
	irq_detach(&users[IRQ_USERS_MAX - 3].u);
	irq_detach(&users[1].u); /* of no line: nothing */
	comes(l);
	irq_work();
	assert_int_equal(b.told, 1);
	assert_int_equal(a.told, 2);
	assert_int_equal(users[0].told, 2);
	comes(other);
	assert_true(other->masked);
}

static void hypervisors_own(void **state)
{
	struct irq_line *l = irq_line_alloc(&pins);
	struct irq_user serial = {.at_once = at_once};

	assert_int_equal(irq_attach(&serial, l), 0);
	assert_false(l->masked);
	assert_int_equal(irq_attach(&a.u, l), -EBUSY);
	comes(l);
	comes(l);
	assert_int_equal(own, 2);
	assert_int_equal(host_percpu.pending, 0);
	assert_false(l->masked);
}

static void level(void **state)
{
	struct irq_line *l = irq_line_alloc(&pins);

	l->level = true;
	irq_attach(&a.u, l);
	assert_false(l->masked);
	irq_attach(&b.u, l);
	comes(l);
	assert_true(l->masked);
	assert_int_equal(host_percpu.pending, PENDING_IRQ);
	assert_int_equal(a.told, 0); /* not in the interrupt */
	irq_work();
	assert_int_equal(a.told, 1);
	assert_int_equal(b.told, 1);
	irq_eoi(&a.u);
	assert_true(l->masked);
	irq_eoi(&a.u); /* it owes none: it does not pay for the other one */
	assert_true(l->masked);
	irq_attach(&users[0].u, l); /* nor does a new one */
	assert_true(l->masked);
	irq_eoi(&users[0].u);
	assert_true(l->masked);
	irq_eoi(&b.u);
	assert_false(l->masked);
	/* Told twice before an EOI: one is owed. */
	a.takes = b.takes = users[0].takes = false;
	comes(l);
	irq_work();
	comes(l);
	irq_work();
	assert_int_equal(rests, 0);
	irq_eoi(&a.u);
	irq_detach(&users[0].u); /* gone without */
	assert_true(l->masked);
	irq_eoi(&b.u);
	assert_false(l->masked);
	irq_detach(&b.u);
	assert_int_equal(gone, 0);
	irq_detach(&a.u);
	assert_int_equal(gone, 1);
	assert_null(irq_line_next(NULL));
}

static void edge(void **state)
{
	struct irq_line *l = irq_line_alloc(&messages);

	irq_attach(&a.u, l);
	irq_attach(&b.u, l);
	for (unsigned i = 1; i < 5; i++) {
		comes(l);
		comes(l); /* before it was told: once */
		assert_false(l->masked);
		irq_work();
		irq_work();
		assert_int_equal(a.told, i);
	}
	/* One of them takes it still. */
	a.takes = false;
	comes(l);
	irq_work();
	assert_false(l->masked);
	b.takes = false;
	comes(l);
	irq_work();
	assert_true(l->masked);
	assert_int_equal(rests, 1);
	irq_attach(&users[0].u, l);
	assert_true(l->masked);
	rest_is_over();
	assert_false(l->masked);
	users[0].takes = false;
	comes(l);
	irq_work();
	assert_true(l->masked);
	irq_eoi(&b.u);
	assert_false(l->masked);
	rest_is_over();
	/* It rests, and its users go: it stays masked. */
	comes(l);
	irq_work();
	irq_detach(&a.u);
	irq_detach(&b.u);
	irq_detach(&users[0].u);
	rest_is_over();
	assert_true(l->masked);
	assert_int_equal(rests, 3);
	irq_attach(&a.u, l);
	assert_false(l->masked);
	irq_detach(&a.u);
	assert_true(l->masked);
}

static void nobody(void **state)
{
	struct irq_line *l = irq_line_alloc(&messages);

	irq_set_mask(l, false);
	comes(l);
	assert_true(l->masked);
	assert_int_equal(host_percpu.pending, 0);
	irq_attach(&a.u, l);
	assert_false(l->masked);
	irq_eoi(&b.u); /* of no line */
	irq_aim(&b.u, 1);
	assert_false(irq_shared(&b.u));
}

static void aims(void **state)
{
	struct irq_line *l = irq_line_alloc(&messages);

	irq_attach(&a.u, l);
	irq_aim(&a.u, 3);
	irq_aim(&a.u, 3);
	assert_int_equal(aimed, 1);
	irq_aim(&a.u, 255); /* would be all of them */
	irq_aim(&a.u, 256);
	assert_int_equal(l->apic_id, 3);
	assert_int_equal(aimed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(vectors, setup),
	    cmocka_unit_test_setup(sharing, setup),
	    cmocka_unit_test_setup(hypervisors_own, setup),
	    cmocka_unit_test_setup(level, setup),
	    cmocka_unit_test_setup(edge, setup),
	    cmocka_unit_test_setup(nobody, setup),
	    cmocka_unit_test_setup(aims, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

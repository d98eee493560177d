/* SPDX-License-Identifier: MIT */
/*
 * Specification of set_trap_table's length (hypervisor/pv/trap_op.c): a guest's table may go on for ever, naming the same
 * vectors again and again. It is read in pieces with a look at other work between them; each piece goes on exactly where
 * the one before it ended; what was set by then stays set. It ends at the entry without an address, at one that is
 * refused, or where it cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pv/trap_op.c"

#define BASE    0x10000u
#define AT_ONCE 32 /* entries, at most, between two looks */
#define LONG    1000
#define RESTART 12345
#define STRIDE  24u /* of the guest's entries, not of the hypervisor's */

struct percpu host_percpu;
static struct trap_info table[LONG + 1];
static unsigned readable; /* entries, from the first */
static unsigned read_since_look, looks;
static bool busy;
static uint64_t restarted_at;

int guest_get_xlat(void *dst, gva_t src, unsigned id)
{
	size_t i = (src - BASE) / STRIDE;

	assert_int_equal(id, XLAT_trap_info);
	assert_int_equal((src - BASE) % STRIDE, 0);
	assert_in_range(++read_since_look, 1, AT_ONCE);
	if (i >= readable)
		return -1;
	memcpy(dst, &table[i], sizeof(table[i]));
	return 0;
}

bool hypercall_preempt_check(void)
{
	looks++;
	read_since_look = 0;
	return busy;
}

long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	assert_int_equal(nr, __HYPERVISOR_set_trap_table);
	assert_int_equal(nargs, 1);
	restarted_at = args[0];
	return RESTART;
}

void context_entry_changed(struct vcpu *v)
{
	fail();
}

void bounce_nmi_done(struct vcpu *v)
{
	abort();
}

static uint16_t fix_selector(uint16_t selector)
{
	return selector | 3;
}

static const struct xlat layout[XLAT_trap_info + 1] = {
    [XLAT_trap_info] = {.guest_size = STRIDE, .way = XLAT_BY_FIELD}};
static struct guest_abi abi = {.layout = layout, .low_end = 1ull << 47, .high_start = ~0ull};
static struct pv_doors pv = {.fix_selector = fix_selector};
static struct domain d = {.abi = &abi, .pv = &pv};
static struct vcpu v = {.domain = &d};

static int setup(void **state)
{
	host_percpu.vcpu = &v;
	memset(v.traps, 0, sizeof(v.traps));
	memset(table, 0, sizeof(table));
	for (unsigned i = 0; i < LONG; i++)
		table[i] =
		    (struct trap_info){.vector = i, .flags = i & 7, .cs = 0xe030, .address = 0x400000 + i};
	readable = LONG + 1;
	looks = read_since_look = 0;
	busy = false;
	return 0;
}

/* Vector @n is as entry @i says; -1: as it was. */
static void is_set(unsigned n, int i)
{
	const struct callback *c = &v.traps[n];

	assert_int_equal(c->address, i < 0 ? 0 : 0x400000 + i);
	assert_int_equal(c->cs, i < 0 ? 0 : 0xe033);
	assert_int_equal(c->dpl, i < 0 ? 0 : i & 3);
	assert_int_equal(!!(c->flags & CALLBACKF_mask_events), i >= 0 && (i & 4));
}

static void idle_machine(void **state)
{
	assert_int_equal(hc_set_trap_table(BASE), 0);
	for (unsigned n = 0; n < 256; n++)
		is_set(n, n < LONG % 256 ? LONG / 256 * 256 + n : LONG / 256 * 256 - 256 + n);
	assert_in_range(looks, LONG / AT_ONCE, LONG / 8);
}

static void in_pieces(void **state)
{
	unsigned pieces = 0;
	uint64_t at = BASE;
	long rc;

	busy = true;
	while ((rc = hc_set_trap_table(at)) == RESTART) {
		unsigned done = (restarted_at - BASE) / STRIDE;

		assert_true(restarted_at > at && !((restarted_at - BASE) % STRIDE));
		is_set((done - 1) % 256, done - 1);
		if (done < 256)
			is_set(done, -1);
		at = restarted_at;
		pieces++;
	}
	assert_int_equal(rc, 0);
	assert_in_range(pieces, LONG / AT_ONCE, LONG / 8); /* each is worth its beginning */
	for (unsigned n = 0; n < 256; n++)
		is_set(n, n < LONG % 256 ? LONG / 256 * 256 + n : LONG / 256 * 256 - 256 + n);
}

static void ends(void **state)
{
	readable = 5;
	assert_int_equal(hc_set_trap_table(BASE), -EFAULT);
	is_set(4, 4);
	is_set(5, -1);
	readable = LONG;
	table[7].address = 1ull << 47;
	assert_int_equal(hc_set_trap_table(BASE), -EINVAL);
	is_set(6, 6);
	is_set(7, -1);
	assert_int_equal(hc_set_trap_table(0), 0); /* nothing is set any more */
	for (unsigned n = 0; n < 256; n++)
		is_set(n, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(idle_machine, setup),
	    cmocka_unit_test_setup(in_pieces, setup),
	    cmocka_unit_test_setup(ends, setup),
	};

	return cmocka_run_group_tests_name("trap_table", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What the hypercalls of both PV kinds have in common, for test_pv_entry.c and test_pv_entry32.c. After pv_host.h. */
#pragma once

#define STACK (NOWHERE - 0x1000) /* a page of the guest behind it and before it */

/* The hypercall page: each hypercall's code lies at 32 bytes of its own, after what it saves; iret saves one register more. */
static void page_has_calls(void (*fill)(void *page), unsigned saved, unsigned op)
{
	uint8_t *page = guest_base;

	memset(page, 0, PAGE_SIZE);
	fill(page);
	for (unsigned nr = 0; nr < NR_HYPERCALLS; nr++) {
		const uint8_t *mov = page + nr * 32 + saved + (nr == __HYPERVISOR_iret);

		assert_int_equal(*mov, 0xb8);
		assert_int_equal(mov[1] | mov[2] << 8 | mov[3] << 16, nr);
		assert_int_equal(mov[5] << 8 | mov[6], op);
	}
	assert_int_equal(page[NR_HYPERCALLS * 32], 0xcc);
	assert_int_equal(page[4095], 0xcc);
}

/* Entries of a multicall: arguments in order, the result in its place, nothing of the hypervisor's. */

static long add_up(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}
static long restarts_itself(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	v->multicall->op = 9;
	v->multicall_interrupted = MULTICALL_RESTART;
	return 9;
}
static long takes_long(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	v->multicall_interrupted = MULTICALL_LOOK;
	return 55;
}
static hypercall_fn handlers[NR_HYPERCALLS];

static void multicall(int (*run)(struct vcpu *v, gva_t *list, uint32_t *left), unsigned size)
{
	const bool wide = size == 8;
	struct multicall_entry entry = {0};
	gva_t at = STACK;
	uint32_t left = 2;

	domain.hypercalls = handlers;
	handlers[5] = add_up;
	handlers[6] = restarts_itself;
	handlers[7] = takes_long;
	v->multicall = &entry;
	v->multicall_interrupted = MULTICALL_GOES_ON;
	put_words(at, size, 16, (uint64_t[]){5, 99, 1, 2, 3, 4, 5, 6, 5, 99, 6, 5, 4, 3, 2, 1});
	assert_int_equal(run(v, &at, &left), 0);
	assert_int_equal(left, 0);
	assert_int_equal(at, STACK + 16 * size);
	words_are(STACK, size, 10, (uint64_t[]){5, 654321, 1, 2, 3, 4, 5, 6, 5, 123456});
	at = STACK;
	left = 1;
	put_words(at, size, 1, (uint64_t[]){7}); /* others are looked for; it is done all the same */
	assert_int_equal(run(v, &at, &left), 0);
	words_are(STACK + size, size, 1, (uint64_t[]){55});
	v->multicall_interrupted = MULTICALL_GOES_ON;
	/* One that restarts stays where it is, with its new arguments and without a result. */
	at = STACK;
	left = 1;
	put_words(at, size, 1, (uint64_t[]){6});
	assert_int_equal(run(v, &at, &left), 1);
	assert_int_equal(left, 1);
	assert_int_equal(at, STACK);
	words_are(STACK, size, 1, (uint64_t[]){9});
	/* A number that is none. */
	v->multicall_interrupted = MULTICALL_GOES_ON;
	put_words(at, size, 1, (uint64_t[]){NR_HYPERCALLS});
	assert_int_equal(run(v, &at, &left), 0);
	words_are(STACK + size, size, 1, (uint64_t[]){wide ? -ENOSYS : 77});
	assert_done(wide ? "" : "call 64 0 0;");
	/* The entry or the place of its result is not there, or not the guest's. */
	guest_absent = STACK;
	at = STACK - 4 * size;
	assert_int_equal(run(v, &at, &left), -EFAULT);
	at = domain.abi->low_end - 7 * size;
	guest_absent = 0;
	assert_int_equal(run(v, &at, &left), -EFAULT);
	v->multicall = NULL;
}

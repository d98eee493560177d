/* SPDX-License-Identifier: MIT */
/*
 * Specification of the hooks in the text (hypervisor/trace/hooks.c): while something listens, each is a jump to its listener, the
 * quick one if tracing alone is on; else it is what the assembler made, whole. Other CPUs stand still meanwhile, the last to
 * arrive writes, and all of them start again. What is no hook stops the machine at its start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Three hooks between two borders, as the linker would lay them; a test may move the end. */
#define HOOKS 3
uint8_t host_hooks[64 * 16] __attribute__((aligned(16)));
__asm__(".globl hook_sites_start, hook_sites_end");
__asm__(".set hook_sites_start, host_hooks; .set hook_sites_end, host_hooks + 3 * 16");
#include "trace/hooks.c"

struct percpu host_percpu = {.self = &host_percpu, .id = 1};
uint32_t cpus_online;
uint64_t host_directmap = IMAGE_BASE; /* text is written where it is */
bool accounting, tracing, stays;
void (*tracepoint)(enum tracepoint_kind kind, uint64_t arg);
static uint8_t text[HOOKS][32], was[HOOKS][32], full[HOOKS], quick[HOOKS];
static struct hook_site *const site = (struct hook_site *)host_hooks;
static unsigned begun, called;
static jmp_buf stopped;

void trace_moment(enum tracepoint_kind kind, uint64_t arg)
{
}
void panic(const char *fmt, ...)
{
	longjmp(stopped, 1);
}
/* The others arrive one after the other. Here none can wait for a later one, so all but the last are already told that it is
 * done. */
void cpu_call(uint32_t cpus, void (*fn)(void *arg), void *arg)
{
	called = cpus;
	for (; cpus; cpus &= cpus - 1) {
		bool last = !(cpus & (cpus - 1));

		assert_int_equal(change.awaited, __builtin_popcount(cpus));
		assert_int_equal(change.done, false);
		change.done = !last;
		fn(arg);
		assert_int_equal(change.done, true);
		change.done = false;
	}
}
static void begins(struct percpu *cpu)
{
	begun++;
}

static void place(int32_t *offset, const void *at)
{
	*offset = (int32_t)((intptr_t)at - (intptr_t)offset);
}
static int setup(void **state)
{
	for (unsigned i = 0; i < HOOKS; i++) {
		for (unsigned k = 0; k < 32; k++)
			text[i][k] = was[i][k] = 16 * i + k;
		place(&site[i].at, &text[i][8]);
		place(&site[i].full, &full[i]);
		place(&site[i].quick, &quick[i]);
		site[i].length = i == 0 ? JUMP_LENGTH : i == 1 ? MAX_LENGTH : 7;
	}
	cpus_online = 2; /* this one */
	begun = called = 0;
	return 0;
}

/* Each hook jumps there, and nothing else has changed. */
static void jump_to(const uint8_t *to)
{
	for (unsigned i = 0; i < HOOKS; i++) {
		const uint8_t *at = &text[i][8];
		int32_t distance;

		assert_int_equal(at[0], 0xe9);
		memcpy(&distance, at + 1, sizeof(distance));
		assert_ptr_equal(at + 5 + distance, to + i);
		assert_memory_equal(text[i], was[i], 8);
		assert_memory_equal(at + 5, &was[i][13], 19);
	}
}

static void changes(void **state)
{
	hooks_init();
	hooks_set(LISTEN_TRACING, begins);
	jump_to(quick);
	assert_true(tracing && !accounting && !stays);
	assert_ptr_equal(tracepoint, trace_moment);
	assert_int_equal(tracepoint_page, 0);
	assert_int_equal(begun, 1);
	hooks_set(LISTEN_TRACING | LISTEN_ACCOUNTING, begins);
	jump_to(full);
	assert_true(tracing && accounting && !stays);
	hooks_set(LISTEN_STAYS, begins);
	jump_to(full);
	assert_true(!tracing && !accounting && stays);
	assert_int_equal(tracepoint_page,
			 PAGE_SIZE); /* who does not want to know of copies does not slow them */
	assert_int_equal(listening, LISTEN_STAYS);
	memset(&text[1][13], 0xcc, 11); /* all of the instruction comes back */
	hooks_set(0, begins);
	assert_memory_equal(text, was, sizeof(text));
	assert_null(tracepoint);
	assert_int_equal(tracepoint_page, PAGE_SIZE);
	assert_int_equal(begun, 4);
	assert_int_equal(called, 0);
}

static void with_others(void **state)
{
	hooks_init();
	cpus_online = 0x8000000f;
	hooks_set(LISTEN_TRACING, begins);
	assert_int_equal(called, 0x8000000d);
	assert_int_equal(begun, 5);
	jump_to(quick);
	hooks_set(0, begins);
	assert_memory_equal(text, was, sizeof(text));
}

static void lengths(void **state)
{
	static const unsigned bad[] = {0, JUMP_LENGTH - 1, MAX_LENGTH + 1};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		site[2].length = bad[i];
		if (!setjmp(stopped)) {
			hooks_init();
			abort();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(changes, setup),
	    cmocka_unit_test_setup(with_others, setup),
	    cmocka_unit_test_setup(lengths, setup),
	};

	return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}

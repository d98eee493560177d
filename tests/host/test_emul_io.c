/* SPDX-License-Identifier: MIT */
/*
 * Specification of IN, OUT, INS and OUTS for any guest (hypervisor/emul/face.h, string_io.c), with a face that takes notes:
 *   ports     the port is DX or a constant, the size the operand's; nothing is touched before it is permitted
 *   strings   memory is looked at before the port is read; what fails leaves registers and the device alone
 *   rounds    each is an instruction of its own, and the last one ends it; the registers tell how far it came
 *   watched   breakpoints on ports are noted, beside a single step
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
#include "deeds.h"
#include "emul/decode.c"
#include "emul/operand.c"
#include "emul/emul.c"
#include "emul/string_io.c"

struct percpu host_percpu;
static struct vcpu vcpu;
static struct cpu_user_regs *const r = &vcpu.regs;
static bool permits, no_segment;
static enum emul_result read_result, look_result, write_result;
static uint32_t memory;
static struct emul e;

bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	*seg = (struct segment){.limit = ~0u, .readable = true, .writable = true, .base = 0x10000};
	return !no_segment;
}
uint64_t debugreg_port_hits(const struct vcpu *v, uint16_t port, unsigned size)
{
	note("hit %x %u", port, size);
	return 4;
}

static bool permitted(struct vcpu *v, uint16_t port, unsigned size)
{
	note("may %x %u", port, size);
	return permits;
}
static uint32_t port_read(struct vcpu *v, uint16_t port, unsigned size)
{
	note("in %x %u", port, size);
	return 0x87654321;
}
static void port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	note("out %x %u %x", port, size, value);
}
static enum emul_result read_memory(struct emul *of, gva_t at, void *to, unsigned n)
{
	note("read %lx", at);
	memcpy(to, &memory, n);
	return read_result;
}
static enum emul_result may_write(struct emul *of, gva_t at, unsigned n)
{
	note("look %lx", at);
	return look_result;
}
static enum emul_result write_memory(struct emul *of, gva_t at, const void *from, unsigned n)
{
	note("write %lx", at);
	memcpy(&memory, from, n);
	return write_result;
}
static const struct emul_ports ports = {.permitted = permitted, .read = port_read, .write = port_write};
static const struct emul_face face = {
    .ports = &ports, .read = read_memory, .may_write = may_write, .write = write_memory};

static int setup(void **state)
{
	deeds[0] = '\0';
	vcpu = (struct vcpu){0};
	r->rdx = 0xbbbb03f8;
	r->rdi = 0x100;
	r->rsi = 0x200;
	r->rax = 0xffffffff11223344;
	permits = true;
	no_segment = false;
	read_result = look_result = write_result = EMUL_DONE;
	memory = 0xddccbbaa;
	return 0;
}

/* In 32-bit code. */
static void decoded(const char *bytes)
{
	emul_begin(&e, &vcpu, &face);
	assert_int_equal(insn_decode(&e.insn, (const uint8_t *)bytes, 8, 32), DECODE_OK);
}

static void single(const char *bytes, const char *expected, uint64_t rax)
{
	decoded(bytes);
	assert_int_equal(emul_io(&e, &ports), permits ? EMUL_DONE : EMUL_REFUSED);
	assert_done(expected);
	assert_int_equal(r->rax, rax);
}

static void in_and_out(void **state)
{
	single("\xee......", "may 3f8 1;out 3f8 1 44;", 0xffffffff11223344);
	single("\xe6\xf0.....", "may f0 1;out f0 1 44;", 0xffffffff11223344);
	single("\x66\xef......", "may 3f8 2;out 3f8 2 3344;", 0xffffffff11223344);
	single("\xec......", "may 3f8 1;in 3f8 1;", 0xffffffff11223321);
	single("\x66\xe5\x80.....", "may 80 2;in 80 2;", 0xffffffff11224321);
	single("\xed......", "may 3f8 4;in 3f8 4;", 0x87654321);
	permits = false;
	single("\xed......", "may 3f8 4;", 0x87654321);
	single("\xef......", "may 3f8 4;", 0x87654321);
}

static void string(const char *bytes, enum emul_result result, const char *expected)
{
	decoded(bytes);
	assert_int_equal(emul_string_io(&e), result);
	assert_done(expected);
}

static void strings(void **state)
{
	string("\x6d......", EMUL_DONE, "may 3f8 4;look 10100;in 3f8 4;write 10100;");
	assert_int_equal(r->rdi, 0x104);
	assert_int_equal(memory, 0x87654321);
	memory = 0xddccbbaa;
	r->rflags |= RFLAGS_DF;
	string("\x66\x6f......", EMUL_DONE, "may 3f8 2;read 10200;out 3f8 2 bbaa;");
	assert_int_equal(r->rsi, 0x1fe);
	/* What goes wrong. */
	look_result = read_result = EMUL_FAULT;
	string("\x6d......", EMUL_FAULT, "may 3f8 4;look 10104;");
	string("\x6f......", EMUL_FAULT, "may 3f8 4;read 101fe;");
	look_result = EMUL_DONE;
	read_result = write_result = EMUL_AGAIN;
	string("\x6d......", EMUL_AGAIN, "may 3f8 4;look 10104;in 3f8 4;write 10104;");
	string("\x6f......", EMUL_AGAIN, "may 3f8 4;read 101fe;");
	no_segment = true;
	string("\x6d......", EMUL_REFUSED, "may 3f8 4;");
	permits = false;
	string("\x6d......", EMUL_REFUSED, "may 3f8 4;");
	assert_int_equal(r->rdi, 0x104);
	assert_int_equal(r->rsi, 0x1fe);
}

static void rounds(void **state)
{
	r->rcx = 2;
	string("\xf3\x6c......", EMUL_ROUND, "may 3f8 1;look 10100;in 3f8 1;write 10100;");
	assert_int_equal(r->rcx, 1);
	look_result = EMUL_FAULT;
	string("\xf3\x6c......", EMUL_FAULT, "may 3f8 1;look 10101;");
	assert_int_equal(r->rcx, 1);
	look_result = EMUL_DONE;
	string("\xf3\x6c......", EMUL_DONE, "may 3f8 1;look 10101;in 3f8 1;write 10101;");
	assert_int_equal(r->rcx, 0);
	string("\xf3\x6c......", EMUL_DONE, "may 3f8 1;");
	string("\xf2\x6e......", EMUL_DONE, "may 3f8 1;");
	assert_int_equal(r->rdi, 0x102);
	r->rcx = r->rdi = 0xabcd0001; /* of which 16 bits count */
	string("\xf3\x67\x6c.....", EMUL_DONE, "may 3f8 1;look 10001;in 3f8 1;write 10001;");
	assert_int_equal(r->rcx, 0xabcd0000);
	assert_int_equal(r->rdi, 0xabcd0002);
}

static void watched(void **state)
{
	vcpu.pv.debugreg[7] = 1;
	r->rflags = RFLAGS_TF;
	single("\xec......", "may 3f8 1;in 3f8 1;hit 3f8 1;", 0xffffffff11223321);
	assert_int_equal(e.dr6, DR6_BS | 4);
	r->rflags = 0;
	string("\x6d......", EMUL_DONE, "may 3f8 4;look 10100;in 3f8 4;write 10100;hit 3f8 4;");
	assert_int_equal(e.dr6, 4);
	look_result = EMUL_FAULT;
	string("\x6d......", EMUL_FAULT, "may 3f8 4;look 10104;");
	assert_int_equal(e.dr6, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(in_and_out, setup),
	    cmocka_unit_test_setup(strings, setup),
	    cmocka_unit_test_setup(rounds, setup),
	    cmocka_unit_test_setup(watched, setup),
	};

	return cmocka_run_group_tests_name("emulated ports", tests, NULL, NULL);
}

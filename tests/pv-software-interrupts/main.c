/* SPDX-License-Identifier: MIT */
/*
 * INT n reaches the handler of any vector whose gate's DPL permits it: 3 from an application, 1 or more from the kernel.
 * The frame has no error code whatever the vector, and points behind the instruction. Otherwise it is a #GP at the
 * instruction with the vector's error code, prefixes or not. INT3 and INTO are free to the kernel, and obey the DPL in
 * an application. INT 0x82 is pv32's hypercall, and an INT like any other for pv64 and for applications.
 *
 * On Xen 4.17 under QEMU this fails: it takes the vector from the error code, which QEMU's translator gets wrong.
 */
#include "fw.h"

const char test_title[] = "pv-software-interrupts";

extern const unsigned long trap_stubs[33];
#define ANY_STUB  trap_stubs[32] /* for entries without error code; shows as vector 128 */
#define ERROR_IDT 2

static struct frame seen;
static unsigned entered;
static uint8_t code[4096] __attribute__((aligned(4096)));

static bool note(struct frame *f)
{
	if (f->vector != 128)
		return false;
	seen = *f;
	entered++;
	return true;
}

static void gate(unsigned vector, unsigned dpl, unsigned long handler)
{
	struct trap_info table[2] = {{vector, dpl, FLAT_KERNEL_CS, handler}, {0}};

	check_eq(hypercall_set_trap_table(table), 0);
}

/* As the framework has it. */
static void gate_back(unsigned vector)
{
	gate(vector, vector == VEC_BP || vector == VEC_OF || vector == 128 ? 3 : 0,
	     vector < 32 ? trap_stubs[vector] : ANY_STUB);
}

static void expect_delivery(unsigned length, const char *what, unsigned vector)
{
	entered = 0;
	trap_hook = note;
	FAULT_TRY(((void (*)(void))code)());
	trap_hook = NULL;
	if (fault.happened || entered != 1 || seen.ip != (unsigned long)code + length || (seen.cs & 3) == 3)
		failure("%s %u: entered %u times, fault %d, ip +%lx", what, vector, entered,
			fault.happened ? (int)fault.vector : -1, seen.ip - (unsigned long)code);
}

static void expect_gp(unsigned vector)
{
	entered = 0;
	trap_hook = note;
	FAULT_TRY(((void (*)(void))code)());
	trap_hook = NULL;
	if (!fault.happened || fault.vector != VEC_GP || fault.error != vector * 8 + ERROR_IDT || entered ||
	    fault.ip != (unsigned long)code)
		failure("int %u: entered %u times, fault %d error %lx", vector, entered,
			fault.happened ? (int)fault.vector : -1, fault.error);
}

static void write_code(const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		((volatile uint8_t *)code)[i] = bytes[i];
	((volatile uint8_t *)code)[n] = 0xc3; /* RET */
}

static void kernel(void)
{
	for (unsigned v = 0; v < 256; v++) {
		if (ROOT_LEVEL == 3 && v == 0x82)
			continue;
		write_code((const uint8_t[]){0xcd, v}, 2);
		for (unsigned dpl = 1; dpl < 4; dpl++) {
			gate(v, dpl, ANY_STUB);
			expect_delivery(2, "int", v);
		}
		gate_back(v);
		if (v == VEC_BP || v == VEC_OF || v == VEC_GP)
			continue; /* the last one is what would come */
		gate(v, 0, ANY_STUB);
		expect_gp(v);
		write_code((const uint8_t[]){0x2e, 0x66, 0xcd, v}, 4);
		if (v != 0x80) /* it comes through a gate, and the prefixes cannot be seen from behind */
			expect_gp(v);
		gate(v, 1, ANY_STUB);
		expect_delivery(4, "prefixed int", v);
		gate_back(v);
	}
	write_code((const uint8_t[]){0xcc}, 1);
	for (unsigned dpl = 0; dpl < 4; dpl++) {
		gate(VEC_BP, dpl, ANY_STUB);
		expect_delivery(1, "int3", VEC_BP);
	}
	gate_back(VEC_BP);
#ifndef __x86_64__
	write_code((const uint8_t[]){0xb0, 0x7f, 0x04, 0x01, 0xce}, 5); /* overflow, INTO */
	gate(VEC_OF, 0, ANY_STUB);
	expect_delivery(5, "into", VEC_OF);
	gate_back(VEC_OF);
	write_code((const uint8_t[]){0x31, 0xc0, 0xce}, 3); /* no overflow */
	check_no_fault(((void (*)(void))code)());
#endif
}

/* Ring 3: entries of 4 bytes, chosen by the argument. */
#ifdef __x86_64__
#define ARG  "%rdi"
#define AX   "%rax"
#define INTO "ud2"
#else
#define ARG  "%ebx"
#define AX   "%eax"
#define INTO "into"
#endif
__asm__(".pushsection .rodata\nuser_code:\n"
	"mov $0x400000 + (entries - user_code), %eax; lea (" AX ", " ARG ", 4), %ecx\n"
	"mov $0x7f, %al; add $1, %al; jmp *" /* overflow */
#ifdef __x86_64__
	"%rcx\n"
#else
	"%ecx\n"
#endif
	".balign 4\nentries:\n"
	"int3; nop; nop; nop\n"
	".byte 0xcd, 3; nop; nop\n"
	".byte 0x66, 0xcd, 3; nop\n"
	".byte 0xcd, 4; nop; nop\n"
	".byte 0xcd, 0x20; nop; nop\n"
	".byte 0x66, 0xcd, 0x20; nop\n"
	".byte 0xcd, 0x80; nop; nop\n"
	".byte 0xcd, 0x82; nop; nop\n"
	".byte 0xcd, 13; nop; nop\n" INTO "; nop; nop; nop\n"
	"user_end:\n.popsection");
extern const char user_code[], entries[], user_end[];

static const struct {
	uint8_t vector, length;
} calls[] = {
    {VEC_BP, 1}, {VEC_BP, 2}, {VEC_BP, 3}, {VEC_OF, 2}, {0x20, 2},
    {0x20, 3},   {0x80, 2},   {0x82, 2},   {VEC_GP, 2},
#ifndef __x86_64__
    {VEC_OF, 1},
#endif
};

static void application(void)
{
	user_map(user_code, user_end - user_code);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned long at = USER_CODE + (entries - user_code) + 4 * i;
		unsigned v = calls[i].vector;
		struct user_exit x;

		gate(v, 3, ANY_STUB);
		x = user_run(i);
		if (!x.syscall || x.ip != at + calls[i].length)
			failure("application's %u, vector %u: vector %u at +%lx", i, v, x.vector, x.ip - at);
		gate_back(v);
		/* INT3 with a prefix: which byte it began with is not known any more. */
		for (unsigned dpl = 0; dpl < 3 && v != VEC_GP && i != 2; dpl++) {
			gate(v, dpl, ANY_STUB);
			x = user_run(i);
			if (x.syscall || x.vector != VEC_GP || x.error != v * 8 + ERROR_IDT || x.ip != at)
				failure("application's %u, vector %u, DPL %u: vector %u error %lx at +%lx", i,
					v, dpl, x.vector, x.error, x.ip - at);
			gate_back(v);
		}
	}
}

void test_main(void)
{
	kernel();
	application();
}

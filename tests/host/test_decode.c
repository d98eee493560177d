/* SPDX-License-Identifier: MIT */
/* The instruction decoder: forms that kernels use, prefixes, limits; and the lengths of others; and that no bytes make it read too far.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "emul/decode.c"

/* Decode from memory that ends behind the bytes, so that the address checker sees a step too far. */
static enum decode_result decoded(struct insn *i, unsigned mode, unsigned n, const uint8_t *bytes)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum decode_result result;

	memcpy(copy, bytes, n);
	result = insn_decode(i, copy, n, mode);
	free(copy);
	return result;
}

#define DECODE(i, mode, ...) decoded(i, mode, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})
#define OK(i, mode, ...)                                                         \
	do {                                                                     \
		assert_int_equal(DECODE(i, mode, __VA_ARGS__), DECODE_OK);       \
		assert_int_equal((i)->length, sizeof((uint8_t[]){__VA_ARGS__})); \
	} while (0)

static uint64_t offset(const struct insn *i, const uint64_t gpr[16], uint64_t next_rip)
{
	return insn_offset(i, gpr[i->base & 15], gpr[i->index & 15], next_rip);
}

static void privileged(void **state)
{
	struct insn i;

	OK(&i, 64, 0x0f, 0x06);
	assert_int_equal(i.opcode, OP_0F(0x06));
	OK(&i, 64, 0x0f, 0x20, 0xc0); /* mov rax, cr0 */
	assert_int_equal(i.reg, 0);
	assert_int_equal(i.rm, REG_RAX);
	OK(&i, 64, 0x41, 0x0f, 0x22, 0xdf); /* mov cr3, r15 */
	assert_int_equal(i.reg, 3);
	assert_int_equal(i.rm, 15);
	OK(&i, 64, 0x44, 0x0f, 0x20, 0xc0); /* mov rax, cr8 */
	assert_int_equal(i.reg, 8);
	OK(&i, 32, 0x0f, 0x01, 0xd1); /* xsetbv */
	assert_int_equal(i.mod_rm, 0xd1);
	OK(&i, 32, 0x0f, 0x30);
	OK(&i, 64, 0x0f, 0xa2);
}

static void ports(void **state)
{
	struct insn i;

	OK(&i, 64, 0xe4, 0x80); /* in al, 0x80 */
	assert_int_equal(i.operand, 1);
	assert_int_equal((uint8_t)i.immediate, 0x80);
	OK(&i, 32, 0xed); /* in eax, dx */
	assert_int_equal(i.operand, 4);
	OK(&i, 32, 0x66, 0xef); /* out dx, ax */
	assert_int_equal(i.operand, 2);
	OK(&i, 64, 0x48, 0xed); /* REX.W changes no port's width */
	assert_int_equal(i.operand, 4);
	OK(&i, 64, 0xf3, 0x6d); /* rep insd */
	assert_true(i.rep);
	OK(&i, 64, 0x65, 0x67, 0x6e); /* outsb from gs:esi */
	assert_int_equal(i.segment, SEG_GS);
	assert_int_equal(i.address, 4);
}

static void stores(void **state)
{
	uint64_t gpr[16] = {
	    [REG_RBX] = 0x1000, [REG_RDI] = 0x10, [REG_RBP] = 0x2000, [REG_RSP] = 0x70000, [12] = 0x4000};
	struct insn i;

	OK(&i, 64, 0x89, 0x44, 0x24, 0x08); /* mov [rsp + 8], eax: a base, and no index */
	assert_int_equal(offset(&i, gpr, 0), 0x70008);
	OK(&i, 64, 0x42, 0x89, 0x04, 0x23); /* mov [rbx + r12], eax */
	assert_int_equal(offset(&i, gpr, 0), 0x5000);
	OK(&i, 64, 0x48, 0x89, 0x44, 0xfb, 0x08); /* mov [rbx + rdi*8 + 8], rax */
	assert_int_equal(i.operand, 8);
	assert_true(i.memory);
	assert_int_equal(offset(&i, gpr, 0), 0x1000 + 0x80 + 8);
	assert_int_equal(insn_segment(&i), SEG_DS);
	OK(&i, 64, 0x89, 0x45, 0xfc); /* mov [rbp - 4], eax */
	assert_int_equal(offset(&i, gpr, 0), 0x1ffc);
	assert_int_equal(insn_segment(&i), SEG_SS);
	OK(&i, 64, 0xf0, 0x41, 0x80, 0x24, 0x24, 0xfd); /* lock and byte [r12], 0xfd */
	assert_true(i.lock);
	assert_int_equal(i.operand, 1);
	assert_int_equal(i.reg, 4);
	assert_int_equal(offset(&i, gpr, 0), 0x4000);
	assert_true(i.immediate == (uint64_t)-3);
	OK(&i, 64, 0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 0xff, 0xff, 0xff, 0xff); /* mov qword [rip + 16], -1 */
	assert_int_equal(offset(&i, gpr, 0x5000), 0x5010);
	assert_true(i.immediate == ~0ull);
	OK(&i, 64, 0x48, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8); /* mov [0x0807060504030201], rax */
	assert_true(offset(&i, gpr, 0) == 0x0807060504030201ull);
	OK(&i, 32, 0xa3, 1, 2, 3, 0x84);
	assert_true(offset(&i, gpr, 0) == 0x84030201ull);
	OK(&i, 32, 0x89, 0x04, 0x8d, 0, 0, 0, 0xc0); /* mov [ecx*4 + 0xc0000000], eax */
	assert_int_equal(i.base, REG_NONE);
	assert_int_equal(i.scale, 4);
	assert_true(offset(&i, gpr, 0) == 0xc0000000ull);
	OK(&i, 32, 0x67, 0x89, 0x40, 0x05); /* mov [bx + si + 5], eax */
	assert_int_equal(offset(&i, gpr, 0), 0x1005);
	OK(&i, 32, 0x67, 0x89, 0x06, 0x34, 0x12); /* mov [0x1234], eax */
	assert_int_equal(offset(&i, gpr, 0), 0x1234);
	OK(&i, 32, 0xf0, 0x0f, 0xb3, 0x03); /* lock btr [ebx], eax */
	OK(&i, 32, 0xf0, 0x0f, 0xc7, 0x0b); /* lock cmpxchg8b [ebx] */
	OK(&i, 32, 0x89, 0x44, 0x85,
	   0xfc); /* mov [ebp + eax*4 - 4], eax: a base where without displacement is none */
	assert_int_equal(offset(&i, gpr, 0), 0x1ffc);
	OK(&i, 64, 0x89, 0x04, 0x00); /* mov [rax + rax], eax: a SIB byte of 0 */
	OK(&i, 64, 0x48, 0x88, 0x07); /* a byte, whatever prefixes say */
	assert_int_equal(i.operand, 1);
	OK(&i, 64, 0x66, 0x88, 0x07);
	assert_int_equal(i.operand, 1);
	OK(&i, 64, 0x4d, 0x42, 0x89, 0x04,
	   0x23); /* of two REX the last counts, and none before another prefix */
	assert_int_equal(i.operand, 4);
	assert_int_equal(i.reg, REG_RAX);
	OK(&i, 64, 0x48, 0x67, 0x89, 0x07);
	assert_int_equal(i.operand, 4);
	OK(&i, 64, 0x66, 0x00, 0x07); /* the opcode 0 */
	OK(&i, 64, 0x40, 0x88, 0x33); /* mov [rbx], sil */
	assert_true(i.rex);
	OK(&i, 64, 0x88, 0x33); /* mov [rbx], dh */
	assert_false(i.rex);
}

static void sizes(void **state)
{
	struct insn i;

	OK(&i, 16, 0x81, 0x06, 0x34, 0x12, 0x78, 0x56); /* add word [0x1234], 0x5678 */
	assert_int_equal(i.operand, 2);
	assert_int_equal(i.immediate, 0x5678);
	OK(&i, 16, 0x66, 0x67, 0xc7, 0x00, 1, 2, 3, 4); /* mov dword [eax], 0x04030201 */
	assert_int_equal(i.operand, 4);
	assert_int_equal(i.address, 4);
	OK(&i, 64, 0x66, 0x48, 0x89, 0x00); /* REX.W wins over 0x66 */
	assert_int_equal(i.operand, 8);
	OK(&i, 64, 0x48, 0x66, 0x89, 0x00); /* a REX that is not last does not count */
	assert_int_equal(i.operand, 2);
}

static void refused(void **state)
{
	static const uint8_t prefixes[16] = {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
					     0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0xfa};
	struct insn i;

	assert_int_equal(DECODE(&i, 64, 0xcc), DECODE_UNKNOWN);       /* int3 */
	assert_int_equal(DECODE(&i, 64, 0x90), DECODE_UNKNOWN);       /* nop */
	assert_int_equal(DECODE(&i, 64, 0x89, 0xc0), DECODE_UNKNOWN); /* no memory operand */
	assert_int_equal(DECODE(&i, 32, 0x48, 0x89), DECODE_UNKNOWN); /* dec eax, in 32 bits */
	assert_int_equal(decoded(&i, 64, 0, prefixes), DECODE_SHORT);
	assert_int_equal(decoded(&i, 64, 14, prefixes), DECODE_SHORT);
	assert_int_equal(decoded(&i, 64, 15, prefixes), DECODE_UNKNOWN); /* all 15 bytes are prefixes */
	assert_int_equal(decoded(&i, 64, 16, prefixes), DECODE_UNKNOWN); /* a 16-byte instruction is none */
	assert_int_equal(decoded(&i, 64, 15, prefixes + 1), DECODE_OK);
	assert_int_equal(DECODE(&i, 64, 0x0f), DECODE_SHORT);
	assert_int_equal(DECODE(&i, 64, 0x48, 0x89), DECODE_SHORT);
	assert_int_equal(DECODE(&i, 64, 0x48, 0x89, 0x84, 0x24, 1, 2), DECODE_SHORT);
}

/* What an opcode is to the emulator; and who may, as far as that is the same for any guest. */
static void operations(void **state)
{
	static const struct {
		uint8_t bytes[3];
		enum insn_operation what;
		uint32_t who;
	} cases[] = {
	    {{0x89, 0x07}, INSN_STORE, 0},
	    {{0xaa}, INSN_STORE, 0},
	    {{0x6c}, INSN_STRING_IO, 0},
	    {{0x6f}, INSN_STRING_IO, 0},
	    {{0xe4, 1}, INSN_IO, INSN_TRAPS},
	    {{0xef}, INSN_IO, INSN_TRAPS},
	    {{0xcd, 1}, INSN_INT, 0},
	    {{0xfa}, INSN_INTERRUPT_FLAG, INSN_TRAPS},
	    {{0xfb}, INSN_INTERRUPT_FLAG, INSN_TRAPS},
	    {{0xf4}, INSN_HLT, INSN_KERNEL | INSN_TRAPS},
	    {{0xcf}, INSN_IRET, INSN_KERNEL | INSN_TRAPS},
	    {{0x9c}, INSN_PUSHF, 0},
	    {{0x9d}, INSN_POPF, 0},
	    {{0x0e}, INSN_PUSH_SEGMENT, 0},
	    {{0x16}, INSN_PUSH_SEGMENT, 0},
	    {{0x17}, INSN_POP_SS, INSN_KERNEL},
	    {{0x8c, 0xc0}, INSN_MOV_FROM_SEGMENT, 0},
	    {{0x8e, 0xc0}, INSN_MOV_TO_SEGMENT, INSN_KERNEL},
	    {{0x0f, 0x00, 0xc0}, INSN_GROUP_0F00, 0},
	    {{0x0f, 0x01, 0xe0}, INSN_GROUP_0F01, 0},
	    {{0x0f, 0x02, 0xc0}, INSN_LAR_LSL, 0},
	    {{0x0f, 0x03, 0xc0}, INSN_LAR_LSL, 0},
	    {{0x0f, 0x06}, INSN_CLTS, INSN_KERNEL},
	    {{0x0f, 0x08}, INSN_CACHES, INSN_KERNEL},
	    {{0x0f, 0x09}, INSN_CACHES, INSN_KERNEL},
	    {{0x0f, 0x20, 0xc0}, INSN_MOV_CR, INSN_KERNEL},
	    {{0x0f, 0x22, 0xc0}, INSN_MOV_CR, INSN_KERNEL},
	    {{0x0f, 0x21, 0xc0}, INSN_MOV_DR, INSN_KERNEL},
	    {{0x0f, 0x23, 0xc0}, INSN_MOV_DR, INSN_KERNEL},
	    {{0x0f, 0x30}, INSN_WRMSR, INSN_KERNEL},
	    {{0x0f, 0x32}, INSN_RDMSR, INSN_KERNEL},
	    {{0x0f, 0xa2}, INSN_CPUID, 0},
	};
	struct insn i;

	for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
		assert_int_equal(decoded(&i, 32, 3, cases[n].bytes), DECODE_OK);
		assert_int_equal(insn_operation(&i), cases[n].what);
		assert_int_equal(i.attributes & (INSN_KERNEL | INSN_TRAPS), cases[n].who);
		assert_int_equal(insn_attributes[i.opcode], i.attributes);
	}
	OK(&i, 32, 0x66, 0xcd, 0x80);
	assert_int_equal((uint8_t)i.immediate, 0x80);
}

static void lengths(void **state)
{
	static const struct {
		uint8_t bytes[12];
		uint8_t length;
	} cases[] = {
	    {{0x90}, 1},
	    {{0x66, 0xb8, 1, 2}, 4},
	    {{0xb8, 1, 2, 3, 4}, 5},
	    {{0x8b, 0x04, 0x85, 1, 2, 3, 4}, 7},
	    {{0x8b, 0x44, 0x24, 0x08}, 4},
	    {{0x67, 0x8b, 0x46, 1}, 4},
	    {{0xf6, 0xc1, 3}, 3},
	    {{0xf6, 0xd1}, 2},
	    {{0xf7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
	    {{0xc8, 1, 2, 3}, 4},
	    {{0xea, 1, 2, 3, 4, 5, 6}, 7},
	    {{0x0f, 0x84, 1, 2, 3, 4}, 6},
	    {{0x0f, 0xa4, 0xc1, 3}, 4},
	    {{0x0f, 0x3a, 0x0f, 0xc1, 3}, 5},
	    {{0x0f, 0x01, 0x15, 1, 2, 3, 4}, 7},
	    {{0xa1, 1, 2, 3, 4}, 5},
	    {{0x81, 0xf8, 1, 2, 3, 4}, 6},
	    {{0x83, 0xe8, 1}, 3},
	    {{0x69, 0xf0, 1, 2, 3, 4}, 6},
	    {{0xf7, 0xd8}, 2},
	    {{0xf7, 0xc8, 1, 2, 3, 4}, 6},
	    {{0x66, 0xf7, 0xc0, 1, 2}, 5},
	    {{0x8b, 0x05, 1, 2, 3, 4}, 6},
	    {{0x8b, 0x80, 1, 2, 3, 4}, 6},
	    {{0x8b, 0x04, 0x24}, 3},
	    {{0x8b, 0x84, 0x24, 1, 2, 3, 4}, 7},
	    {{0x67, 0x8b, 0x06, 1, 2}, 5},
	    {{0x67, 0x8b, 0x07}, 3},
	    {{0x67, 0x8b, 0x80, 1, 2}, 5},
	    {{0x67, 0xa1, 1, 2}, 4},
	    {{0x66, 0xea, 1, 2, 3, 4}, 6},
	    {{0x0f, 0x38, 0x00, 0xc1}, 4},
	    {{0xd6}, 0},
	};
	uint16_t opcode;
	uint8_t reg;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(insn_length(cases[i].bytes, 12, &opcode, &reg), cases[i].length);
		for (unsigned n = 0; n < cases[i].length; n++)
			assert_int_equal(insn_length(cases[i].bytes, n, &opcode, &reg), 0);
	}
}

/* Any bytes: a length within what there was, or no length at all. */
static void any_bytes(void **state)
{
	static const unsigned modes[] = {16, 32, 64};
	uint8_t bytes[20];
	struct insn i;

	srand(1);
	for (unsigned round = 0; round < 2000000; round++) {
		unsigned n = rand() % (sizeof(bytes) + 1);

		for (unsigned b = 0; b < n; b++)
			bytes[b] = rand() % 4 ? rand() : (uint8_t[]){0x0f, 0x66, 0x48, 0xf0}[rand() % 4];
		if (decoded(&i, modes[round % 3], n, bytes) != DECODE_OK)
			continue;
		assert_in_range(i.length, 1, n < INSN_MAX ? n : INSN_MAX);
		assert_true(i.operand == 1 || i.operand == 2 || i.operand == 4 || i.operand == 8);
		assert_true(i.reg < 16 && i.rm < 16 && i.base <= 16 && i.index <= 16);
		insn_offset(&i, 0, 0, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(privileged), cmocka_unit_test(ports),     cmocka_unit_test(stores),
	    cmocka_unit_test(sizes),      cmocka_unit_test(refused),   cmocka_unit_test(operations),
	    cmocka_unit_test(lengths),    cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Specification of stores into live page tables (hypervisor/emul/ptwr.c), as bytes that a PV kernel executes:
 *   plain      MOV of a register takes a short way: each form of address and size, exactly where the fault was, or not at all
 *   computed   each read-modify-write has the processor's result and flags, which is tried by executing it here too
 *   exchanges  the register takes what was there; what does not match is not written
 *   strings    one round; pointers and count move by the direction, at the size of addresses
 *   refused    a store elsewhere, across entries, or that mm/ refuses changes no register
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "cpu/x86.h"
#define rdmsr(number) 0
#define read_es()     0x08
#define read_ds()     0x08
#define read_fs()     0x10
#include "emul/decode.c"
#include "emul/operand.c"
#include "emul/ptwr.c"

#define NO_SELECTOR 0x44
#define CODE        0x1000
#define FLAGS       (RFLAGS_MBS | RFLAGS_RF)

struct percpu host_percpu;
static struct domain d;
static struct vcpu vcpu;
static struct cpu_user_regs *const r = &vcpu.regs;
static uint8_t code[FETCH_BYTES];
static unsigned code_bytes, code_mode;
static uint64_t *entry; /* below 4 GiB, as is all of its page */
static uint64_t source;
static int refuses, es_base;
static unsigned stores, plain;

unsigned emul_fetch(struct vcpu *v, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	*mode = code_mode;
	memcpy(bytes, code, FETCH_BYTES);
	return code_bytes;
}
bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	*seg = (struct segment){.base = es_base + (selector == read_fs() ? 8 : 0)};
	return es_base >= 0;
}
int guest_read_any(void *dst, gva_t src, size_t n)
{
	if (src != (gva_t)&entry[8])
		return -EFAULT;
	memcpy(dst, &source, n);
	return 0;
}
int ptwr_write(struct vcpu *v, gva_t va, uint64_t value, unsigned bytes)
{
	assert_int_equal(va % bytes, 0);
	if (refuses)
		return -EINVAL;
	memcpy((void *)va, &value, bytes);
	stores++;
	plain++;
	return 0;
}
int ptwr_modify(struct vcpu *v, gva_t va, struct ptwr_change *c)
{
	uint64_t old = 0, value;

	assert_int_equal(va % c->bytes, 0);
	if (refuses)
		return -EINVAL;
	memcpy(&old, (void *)va, c->bytes);
	if (c->compute(c, old, &value)) {
		assert_true(c->bytes == 8 || !(value >> 8 * c->bytes)); /* nothing beside it */
		memcpy((void *)va, &value, c->bytes);
		stores++;
	}
	return 0;
}

static int setup(void **state)
{
	if (!entry)
		entry = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
			     -1, 0);
	memset(entry, 0, PAGE_SIZE);
	vcpu = (struct vcpu){.domain = &d};
	host_percpu.vcpu = &vcpu;
	r->rip = CODE;
	r->rflags = FLAGS;
	code_mode = 64;
	refuses = es_base = 0;
	stores = plain = 0;
	return 0;
}

static void has_code(const char *bytes, unsigned n)
{
	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, n);
	code_bytes = INSN_MAX;
	r->rip = CODE;
}

/* The kernel comes to these bytes and faults at @at. Emulated: behind them; not: nothing has changed. */
static bool faults(const char *bytes, unsigned n, const void *at)
{
	struct cpu_user_regs before;
	uint64_t was[16];
	bool emulated;

	has_code(bytes, n);
	before = *r;
	memcpy(was, entry, sizeof(was));
	emulated = emul_ptwr(&vcpu, (gva_t)at);
	if (emulated) {
		assert_int_equal(r->rip, CODE + n);
		return true;
	}
	assert_memory_equal(r, &before, sizeof(before));
	assert_memory_equal(was, entry, sizeof(was));
	return false;
}
#define stored(bytes, at)  assert_true(faults(bytes, sizeof(bytes) - 1, at))
#define refused(bytes, at) assert_false(faults(bytes, sizeof(bytes) - 1, at))

/* ---- the short way ---- */

static void plain_stores(void **state)
{
	r->rdi = (gva_t)entry;
	r->rax = 0x1122334455667788;
	stored("\x48\x89\x07", entry); /* mov [rdi], rax */
	assert_int_equal(entry[0], 0x1122334455667788);
	stored("\x89\x47\x0c", (char *)entry + 12); /* mov [rdi+12], eax */
	assert_int_equal(entry[1], 0x5566778800000000);
	r->rdi = (gva_t)entry + 0x90;
	stored("\x48\x89\x87\x80\xff\xff\xff", &entry[2]); /* mov [rdi-0x80], rax: four bytes of it, */
	assert_int_equal(entry[2], 0x1122334455667788);
	r->rdi = (gva_t)entry + 0x90;
	entry[2] = 0;
	stored("\x48\x89\x47\x80", &entry[2]); /* or one, either with a sign */
	assert_int_equal(entry[2], 0x1122334455667788);
	r->r9 = (gva_t)&entry[3];
	r->r15 = 99;
	stored("\x4d\x89\x39", &entry[3]); /* mov [r9], r15 */
	assert_int_equal(entry[3], 99);
	r->rbp = (gva_t)&entry[4];
	stored("\x48\x89\x45\x00", &entry[4]); /* mov [rbp+0], rax */
	assert_int_equal(entry[4], 0x1122334455667788);
	assert_int_equal(plain, 6);
	r->rsp = (gva_t)&entry[5];
	stored("\x48\x89\x04\x24", &entry[5]); /* the long way: mov [rsp], rax */
	assert_int_equal(entry[5], 0x1122334455667788);
	assert_int_equal(plain, 6);
	r->rbp = (gva_t)&entry[6]; /* mov [rip + n], rax has the number of RBP */
	has_code("\x48\x89\x05\0\0\0\0", 7);
	memcpy(code + 3, &(uint32_t){(gva_t)&entry[7] - CODE - 7}, 4);
	assert_false(emul_ptwr(&vcpu, (gva_t)&entry[6]));
	assert_true(emul_ptwr(&vcpu, (gva_t)&entry[7]));
	assert_int_equal(entry[7], 0x1122334455667788);
}

static void plain_in_32_bits(void **state)
{
	code_mode = 32;
	r->rdi = (gva_t)entry | 7ull << 32;
	r->rax = 0x1122334455667788;
	stored("\x89\x07", entry);
	assert_int_equal(entry[0], 0x55667788);
	r->rax = 0;
	refused("\x48\x89\x07", entry); /* dec eax */
	stored("\x89\x07", entry);
	code_mode = 16; /* another way to write addresses: mov [bx], ax */
	r->rbx = 8;
	es_base = (gva_t)entry - 8;
	r->rax = 0x1234;
	stored("\x89\x07", entry);
	assert_int_equal(entry[0], 0x1234);
}

static void plain_refused(void **state)
{
	r->rdi = (gva_t)entry + 8;
	refused("\x48\x89\x07", entry);     /* elsewhere */
	refused("\x48\x8b\x07", entry + 1); /* a load */
	refused("\x48\x89\xf8", entry + 1); /* to a register */
	refused("\x0f\x0b", entry + 1);
	r->rdi = (gva_t)entry + 4;
	refused("\x48\x89\x07", (char *)entry + 4); /* two entries */
	r->rdi = (gva_t)entry + 2;
	refused("\x89\x07", (char *)entry + 2);
	r->rdi = (gva_t)entry;
	r->rax = (gva_t)entry;
	refused("\x48\x89\xf8", entry); /* to a register that holds the address */
	refuses = true;
	refused("\x48\x89\x07", entry);
	refuses = false;
	stored("\x48\x89\x07", entry);
	has_code("\x48\x89\x07", 3);
	code_bytes = 3; /* at the end of the last page */
	assert_true(emul_ptwr(&vcpu, (gva_t)entry));
	has_code("\x48\x89\x47\x00", 4);
	code_bytes = 3;
	assert_false(emul_ptwr(&vcpu, (gva_t)entry));
	has_code("\x48\x89\x07", 3);
	code_bytes = 0;
	assert_false(emul_ptwr(&vcpu, (gva_t)entry));
}

/* ---- computed ---- */

/* Execute `op [rdi], rax` with EAX, EDX, EBX, ECX here, flags from @flags; what happens to memory, RAX, RDX, flags. */
struct here {
	uint64_t memory, rax, rdx, flags;
};
static struct here execute(const char *bytes, unsigned n, uint64_t memory)
{
	static uint8_t *page;
	struct here h = {memory, r->rax, r->rdx, 0};

	if (!page)
		page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	memcpy(page, bytes, n);
	page[n] = 0xc3;
	__asm__ volatile("pushfq\n\tandq $~0x8d5, (%%rsp)\n\torq %[flags], (%%rsp)\n\tpopfq\n\tcall "
			 "*%[page]\n\tpushfq\n\tpopq %[out]"
			 : "+a"(h.rax), "+d"(h.rdx), "+m"(h.memory), [out] "=&r"(h.flags)
			 : "D"(&h.memory), [page] "r"(page), "b"(r->rbx),
			   "c"(r->rcx), [flags] "r"(r->rflags & 0x8d5)
			 : "memory", "cc", "r11");
	h.flags &= 0x8d5;
	return h;
}

static uint64_t seed = 1;
static uint64_t random_word(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> (seed >> 60) ^ seed << 13;
}

/* Some values: @defined flags, memory and registers are as the processor's. */
static void as_here(const char *bytes, unsigned n, uint64_t defined)
{
	for (int i = 0; i < 300; i++) {
		struct here h;

		entry[0] = i & 1 ? random_word() : i & 2 ? ~0ull : 0;
		r->rax = i & 4 ? random_word() : i & 8 ? entry[0] : ~0ull >> (i & 31);
		r->rdx = i & 8 ? entry[0] >> 32 : random_word();
		r->rbx = random_word();
		r->rcx = random_word() & 0xff;
		r->rdi = (gva_t)entry;
		r->rflags = FLAGS | (random_word() & 0x8d5);
		h = execute(bytes, n, entry[0]);
		assert_true(faults(bytes, n, entry));
		assert_int_equal(entry[0], h.memory);
		assert_int_equal(r->rax, h.rax);
		assert_int_equal(r->rdx, h.rdx);
		assert_int_equal(r->rflags & defined, h.flags & defined);
		assert_int_equal(r->rflags & ~0x8d5ull, RFLAGS_MBS);
	}
}
#define same(bytes, defined) as_here(bytes, sizeof(bytes) - 1, defined)
#define ALL                  0x8d5
#define NO_AF                0x8c5
#define ONLY_CF              0x001

static void arithmetic(void **state)
{
	char alu[] = "\x48\x00\x07";

	for (unsigned op = 0; op < 7; op++) {
		if (op == 2 || op == 3) /* adc and sbb are no way to write an entry */
			continue;
		for (unsigned wide = 0; wide < 2; wide++) {
			alu[1] = op << 3 | wide;
			as_here(alu, 3, op == 0 || op == 5 ? ALL : NO_AF);
			as_here(alu + 1, 2,
				op == 0 || op == 5 ? ALL : NO_AF); /* without REX: bytes, 32 bits */
		}
	}
	same("\x66\x01\x07", ALL);                   /* 16 bits */
	same("\x48\x83\x27\xfe", NO_AF);             /* and qword [rdi], -2 */
	same("\x48\x81\x0f\x44\x33\x22\x91", NO_AF); /* or qword [rdi], sign-extended */
	same("\x80\x37\x55", NO_AF);                 /* xor byte */
	same("\x48\x83\x2f\x01", ALL);               /* sub */
	same("\x00\x27", ALL);                       /* add [rdi], ah */
	r->rdi = (gva_t)entry;
	refused("\x48\x11\x07", entry);
	refused("\x48\x83\x1f\x01", entry);
	refused("\x48\x83\x3f\x01", entry); /* cmp stores nothing */
	refused("\x48\x39\x07", entry);
}

static void moves(void **state)
{
	same("\x48\xc7\x07\x88\x77\x66\xf5", ALL);
	same("\xc6\x07\x12", ALL);
	same("\x66\x89\x07", ALL);
	same("\x88\x27", ALL); /* mov [rdi], ah */
	same("\x48\x87\x07", ALL);
	same("\x87\x07", ALL); /* clears the register's upper half */
	same("\x86\x27", ALL);
	r->rdi = (gva_t)entry;
	refused("\x48\xc7\x0f\x00\x00\x00\x00", entry); /* c7 /1 is no mov */
	r->rax = 0x1122334455667788;
	has_code("\x48\xa3\0\0\0\0\0\0\0\0", 10); /* mov [moffs64], rax */
	memcpy(code + 2, &entry, 8);
	assert_true(emul_ptwr(&vcpu, (gva_t)entry));
	assert_int_equal(entry[0], 0x1122334455667788);
	entry[0] = 0;
	has_code("\xa2\0\0\0\0\0\0\0\0", 9);
	memcpy(code + 1, &entry, 8);
	assert_true(emul_ptwr(&vcpu, (gva_t)entry));
	assert_int_equal(entry[0], 0x88);
}

static void bits(void **state)
{
	same("\x48\x0f\xba\x2f\x3f", ONLY_CF); /* bts qword [rdi], 63 */
	same("\x48\x0f\xba\x37\x41", ONLY_CF); /* btr: 65 is bit 1 */
	same("\x48\x0f\xba\x3f\x05", ONLY_CF);
	same("\x0f\xba\x2f\x1f", ONLY_CF);
	r->rdi = (gva_t)entry;
	refused("\x48\x0f\xba\x27\x01", entry); /* bt */
	/* The bit's number in a register counts on beyond the operand, to either side. */
	for (int bit = -64 * 7; bit < 64 * 8; bit += 5) {
		uint64_t *at = &entry[8 + (bit >> 6)];
		uint32_t *half = (uint32_t *)&entry[8] + (bit >> 5);
		uint16_t *quarter = (uint16_t *)&entry[8] + (bit >> 4);

		r->rdi = (gva_t)&entry[8];
		r->rax = (int64_t)bit;
		memset(entry, 0, 16 * 8);
		stored("\x48\x0f\xab\x07", at);
		assert_int_equal(*at, 1ull << (bit & 63));
		stored("\x48\x0f\xb3\x07", at);
		assert_int_equal(*at, 0);
		stored("\x48\x0f\xbb\x07", at);
		assert_int_equal(*at, 1ull << (bit & 63));
		r->rax = (uint32_t)bit;
		stored("\x0f\xb3\x07", half);
		assert_int_equal(*at, 0);
		r->rax = (uint16_t)bit;
		stored("\x66\x0f\xab\x07", quarter);
		assert_int_equal(*quarter, 1u << (bit & 15));
	}
}

static void compared(void **state)
{
	same("\x48\x0f\xb1\x1f", ALL); /* cmpxchg [rdi], rbx */
	same("\x0f\xb1\x1f", ALL);
	same("\x66\x0f\xb1\x1f", ALL);
	same("\x0f\xb0\x1f", ALL);
	same("\x0f\xc7\x0f", ALL); /* cmpxchg8b */
	r->rdi = (gva_t)entry;
	refused("\x0f\xc7\x37", entry);     /* rdrand and others */
	refused("\x48\x0f\xc7\x0f", entry); /* 16 bytes */
	r->rax = 1;
	stores = 0;
	stored("\x48\x0f\xb1\x1f", entry);
	assert_int_equal(stores, 0);
}

/* ---- strings ---- */

static void strings(void **state)
{
	static const struct {
		char bytes[4];
		unsigned n, size;
		bool moves, counts;
	} row[] = {
	    {"\x48\xab", 2, 8, false, false},    {"\xab", 1, 4, false, false},
	    {"\xaa", 1, 1, false, false},        {"\x66\xab", 2, 2, false, false},
	    {"\x48\xa5", 2, 8, true, false},     {"\xa5", 1, 4, true, false},
	    {"\xa4", 1, 1, true, false},         {"\xf3\x48\xab", 3, 8, false, true},
	    {"\xf2\x48\xab", 3, 8, false, true}, {"\xf3\x48\xa5", 3, 8, true, true},
	    {"\xf2\xa4", 2, 1, true, true},
	};

	for (unsigned i = 0; i < 4 * ARRAY_SIZE(row); i++) {
		unsigned k = i / 4, size = row[k].size;
		bool down = i & 1, last = i & 2;
		uint64_t value = source = 0x99aabbccddeeff11,
			 mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;

		entry[0] = 0;
		r->rax = row[k].moves ? 0 : value;
		r->rdi = (gva_t)entry;
		r->rsi = (gva_t)&entry[8];
		r->rcx = last ? 1 : 9;
		r->rflags = FLAGS | (down ? RFLAGS_DF : 0) | 0x8d5;
		has_code(row[k].bytes, row[k].n);
		assert_true(emul_ptwr(&vcpu, (gva_t)entry));
		assert_int_equal(entry[0], value & mask);
		assert_int_equal(r->rdi, (gva_t)entry + (down ? -(int64_t)size : size));
		assert_int_equal(r->rsi, (gva_t)&entry[8] + (!row[k].moves ? 0
							     : down        ? -(int64_t)size
									   : size));
		assert_int_equal(r->rcx, (last ? 1 : 9) - row[k].counts);
		assert_int_equal(r->rip, CODE + (row[k].counts && !last ? 0 : row[k].n));
		/* Resume is over with the last round. */
		assert_int_equal(r->rflags, (row[k].counts && !last ? FLAGS : RFLAGS_MBS) |
						(down ? RFLAGS_DF : 0) | 0x8d5);
	}
}

static void strings_elsewhere(void **state)
{
	r->rdi = (gva_t)entry;
	r->rsi = (gva_t)&entry[7]; /* what it reads is not there */
	refused("\x48\xa5", entry);
	r->rsi = (gva_t)&entry[8];
	refuses = true;
	refused("\xf3\x48\xa5", entry);
	refuses = false;
	r->rdi = (gva_t)entry + 8;
	refused("\x48\xab", entry);
	r->rdi = (gva_t)entry + 4;
	refused("\x48\xab", (char *)entry + 4);
	/* Addresses of 32 bits: the rest of the registers neither counts nor survives. */
	r->rdi = (gva_t)entry | 5ull << 32;
	r->rcx = 1 | 5ull << 32;
	has_code("\xf3\x67\x48\xab", 4);
	assert_true(emul_ptwr(&vcpu, (gva_t)entry));
	assert_int_equal(r->rdi, (gva_t)entry + 8);
	assert_int_equal(r->rcx, 0);
	assert_int_equal(r->rip, CODE + 4);
	/* In 32-bit code segments have a base, and sums wrap. */
	code_mode = 32;
	es_base = 0x1000;
	r->rdi = (uint32_t)(gva_t)entry - 0x1000;
	r->rsi = (uint32_t)(gva_t)&entry[8] - 0x1000;
	source = 0x12345678;
	stored("\xa5", entry);
	assert_int_equal((uint32_t)entry[0], 0x12345678);
	es_base = 0x7ffff000;
	r->rdi = (uint32_t)((gva_t)entry - 0x7ffff000);
	r->rsi = (uint32_t)((gva_t)&entry[8] - 0x7ffff000);
	stored("\xa5", entry);
	es_base = 0x1000;
	r->rdi = (uint32_t)(gva_t)entry - 0x1000;
	r->rsi = (uint32_t)(gva_t)&entry[7] - 0x1000;
	refused("\xa5", entry);
	stored("\x64\xa5", entry); /* from FS, whose base is another */
	es_base = -1;              /* no segment */
	refused("\xa5", entry);
	refused("\xab", entry);
	refused("\x01\x07", entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(plain_stores, setup),
	    cmocka_unit_test_setup(plain_in_32_bits, setup),
	    cmocka_unit_test_setup(plain_refused, setup),
	    cmocka_unit_test_setup(arithmetic, setup),
	    cmocka_unit_test_setup(moves, setup),
	    cmocka_unit_test_setup(bits, setup),
	    cmocka_unit_test_setup(compared, setup),
	    cmocka_unit_test_setup(strings, setup),
	    cmocka_unit_test_setup(strings_elsewhere, setup),
	};

	return cmocka_run_group_tests_name("ptwr", tests, NULL, NULL);
}

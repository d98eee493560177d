/* SPDX-License-Identifier: MIT */
/*
 * Floating-point registers belong to their vCPU. They are clean at its start, and no other's; they survive hypercalls,
 * exceptions, sleep, and another vCPU that uses the same processor with values of its own, AVX's upper halves included
 * where the vCPU has them switched on. With TS set, their first use raises #NM, in kernel and application, once, after
 * whatever time; what they held is still there.
 */
#include "cr4.h"
#include "time.h"
#include "xen/arch-x86/cpuid.h"

const char test_title[] = "pv-fpu";

#define REGISTERS 8
#define ROUNDS    50

/* Values of one vCPU: 32 bytes for each register, of which SSE has 16. */
struct values {
	uint32_t word[REGISTERS][8];
	uint16_t fcw, unused;
	uint32_t mxcsr;
} __attribute__((aligned(32)));

static bool has_avx;
static volatile unsigned long started, rounds, wrong;

#define EACH(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)

static void load(const struct values *v)
{
#define LOAD_SSE(n) __asm__ volatile("movdqu %0, %%xmm" #n ::"m"(v->word[n]));
#define LOAD_AVX(n) __asm__ volatile("vmovdqu %0, %%ymm" #n ::"m"(v->word[n]));
	if (has_avx) {
		EACH(LOAD_AVX)
	} else {
		EACH(LOAD_SSE)
	}
	__asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(v->fcw), "m"(v->mxcsr));
}

static void store(struct values *v)
{
#define STORE_SSE(n) __asm__ volatile("movdqu %%xmm" #n ", %0" : "=m"(v->word[n]));
#define STORE_AVX(n) __asm__ volatile("vmovdqu %%ymm" #n ", %0" : "=m"(v->word[n]));
	if (has_avx) {
		EACH(STORE_AVX)
	} else {
		EACH(STORE_SSE)
	}
	__asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(v->fcw), "=m"(v->mxcsr));
}

static void make(struct values *v, uint32_t seed)
{
	for (unsigned r = 0; r < REGISTERS; r++)
		for (unsigned w = 0; w < 8; w++)
			v->word[r][w] = seed + r * 8 + w;
	v->fcw = seed & 1 ? 0x27f : 0x37f;
	v->mxcsr = seed & 1 ? 0x9f80 : 0x1f80;
}

/* How many words of the registers are not what @v says. */
static unsigned differences(const struct values *v)
{
	struct values now;
	unsigned n = 0;

	store(&now);
	for (unsigned r = 0; r < REGISTERS; r++)
		for (unsigned w = 0; w < (has_avx ? 8 : 4); w++)
			n += now.word[r][w] != v->word[r][w];
	return n + (now.fcw != v->fcw) + (now.mxcsr != v->mxcsr);
}

static bool clean(void)
{
	struct values zero = {.fcw = 0x37f, .mxcsr = 0x1f80};

	return differences(&zero) == 0;
}

/* OSXSAVE and all states that there are, for this vCPU. */
static bool switch_avx_on(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c >> 28 & 1))
		return false;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" ::"a"(7), "d"(0), "c"(0));
	return true;
}

static bool skip_ud(struct frame *f)
{
	if (f->vector != VEC_UD)
		return false;
	f->ip += 2;
	return true;
}

static void alone(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	struct values mine;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	make(&mine, 0x1001);
	load(&mine);
	for (unsigned i = 0; i < ROUNDS; i++)
		hypercall_xen_version(XENVER_version, NULL);
	trap_hook = skip_ud;
	__asm__ volatile("ud2");
	trap_hook = NULL;
	check_eq(differences(&mine), 0);
	nap(ipi.port);
	check_eq(differences(&mine), 0);

	check_eq(hypercall_fpu_taskswitch(1), 0);
	nap(ipi.port);
	check_fault(VEC_NM, __asm__ volatile("fnop"));
	check_eq(differences(&mine), 0);
	check_eq(hypercall_fpu_taskswitch(1), 0);
	check_fault(VEC_NM, __asm__ volatile("movdqu %xmm0, %xmm1"));
	check_eq(differences(&mine), 0);
}

/* Ring 3: FNOP, then a system call. */
#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: fnop; syscall\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code: fnop; int $0x80\nuser_end:\n.popsection");
#endif
extern const char user_code[], user_end[];

static void application(void)
{
	struct user_exit x;

	user_map(user_code, user_end - user_code);
	check(user_run(0).syscall);
	check_eq(hypercall_fpu_taskswitch(1), 0);
	x = user_run(0);
	check_eq(x.vector, VEC_NM);
	check_eq(x.ip, USER_CODE);
	check(user_run(0).syscall);
}

static void second(void)
{
	struct values mine;

	if (has_avx)
		switch_avx_on();
	wrong += !clean();
	started = 1;
	for (unsigned seed = 0x2000;; seed++) {
		make(&mine, seed);
		load(&mine);
		hypercall_sched_op(SCHEDOP_yield, NULL);
		wrong += differences(&mine);
		rounds++;
	}
}

static void beside_another(void)
{
	uint64_t until = system_time() + 20000000000ull;
	struct values mine;

	make(&mine, 0x3001);
	load(&mine);
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(second)), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	while (rounds < ROUNDS && system_time() < until) {
		hypercall_sched_op(SCHEDOP_yield, NULL);
		if (differences(&mine))
			wrong++;
	}
	check(started);
	check(rounds >= ROUNDS);
	check_eq(wrong, 0);
}

void test_main(void)
{
	check(clean());
	has_avx = switch_avx_on();
	alone();
	application();
	if (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) >= 0)
		beside_another();
	else
		printk("alone: Dom0 has one vCPU\n");
}

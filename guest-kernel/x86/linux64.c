/* SPDX-License-Identifier: MIT */
/*
 * Linux's user interface, 64-bit parts. The handler's frame (low to high): return address, struct ucontext
 * with the registers in Linux's order, siginfo, then the floating point state the ucontext points to.
 */
#include "x86/linux_abi.h"
#include "x86/cpu.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define RED_ZONE 128 /* below the stack pointer, leaf functions own it */

struct sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	u16 cs, gs, fs, ss;
	u64 error, trapno, oldmask, cr2;
	ulong fpstate;
	u64 reserved[8];
};

struct ucontext {
	ulong flags;
	ulong link;
	struct sigaltstack stack;
	struct sigcontext mc;
	u64 sigmask;
};

struct frame {
	ulong return_address;
	struct ucontext uc;
	struct siginfo_user info;
};

static void save_registers(struct sigcontext *sc, const struct trapframe *tf)
{
	*sc = (struct sigcontext){
	    .r8 = tf->r8,
	    .r9 = tf->r9,
	    .r10 = tf->r10,
	    .r11 = tf->r11,
	    .r12 = tf->r12,
	    .r13 = tf->r13,
	    .r14 = tf->r14,
	    .r15 = tf->r15,
	    .di = tf->rdi,
	    .si = tf->rsi,
	    .bp = tf->rbp,
	    .bx = tf->rbx,
	    .dx = tf->rdx,
	    .ax = tf->ax,
	    .cx = tf->rcx,
	    .sp = tf->sp,
	    .ip = tf->ip,
	    .flags = tf->flags,
	    .cs = tf->cs,
	    .ss = tf->ss,
	    .error = tf->error,
	    .trapno = tf->trapno,
	};
}

static void load_registers(struct trapframe *tf, const struct sigcontext *sc)
{
	tf->r8 = sc->r8, tf->r9 = sc->r9, tf->r10 = sc->r10, tf->r11 = sc->r11, tf->r12 = sc->r12;
	tf->r13 = sc->r13, tf->r14 = sc->r14, tf->r15 = sc->r15, tf->rdi = sc->di, tf->rsi = sc->si;
	tf->rbp = sc->bp, tf->rbx = sc->bx, tf->rdx = sc->dx, tf->ax = sc->ax, tf->rcx = sc->cx;
	tf->sp = sc->sp, tf->ip = sc->ip, tf->flags = sc->flags;
}

/* Where the frame's top goes: below the red zone, or on the alternate stack if the handler wants it. */
static ulong frame_top(const struct trapframe *tf, const struct sigaction *act)
{
	const struct sigaltstack *alt = &current->signals.altstack;

	if ((act->flags & SA_ONSTACK) && !(alt->flags & SS_DISABLE) && tf->sp - alt->sp >= alt->size)
		return alt->sp + alt->size;
	return tf->sp - RED_ZONE;
}

int abi_push_signal_frame(struct trapframe *tf, int sig, const struct sigaction *act,
			  const struct siginfo *info, uint64_t blocked)
{
	ulong fp = ROUND_DOWN(frame_top(tf, act) - FPU_AREA_SIZE, 64UL);
	struct frame *user = (struct frame *)(ROUND_DOWN(fp - sizeof(struct frame), 16UL) - 8), f = {0};

	f.return_address = act->restorer;
	f.uc.stack = current->signals.altstack;
	f.uc.sigmask = blocked;
	save_registers(&f.uc.mc, tf);
	f.uc.mc.fpstate = fp;
	siginfo_to_user(info, &f.info);
	fpu_save(current->regs.fpu);
	if (!(act->flags & SA_RESTORER) || copy_to_user((void *)fp, current->regs.fpu, FPU_AREA_SIZE) ||
	    copy_to_user(user, &f, sizeof(f)))
		return -EFAULT;
	tf->rdi = sig;
	tf->rsi = (ulong)&user->info;
	tf->rdx = (ulong)&user->uc;
	tf->ax = 0;
	tf->sp = (ulong)user;
	tf->ip = act->handler;
	tf->flags &= ~(FLAG_DF | FLAG_TF);
	return 0;
}

void abi_clone_args(unsigned long *child_tid, unsigned long *tls)
{
}

int abi_clone_tls(unsigned long arg, uintptr_t *base)
{
	if (arg >= USER_END)
		return -EPERM;
	*base = arg;
	return 0;
}

unsigned long abi_hwcap(void)
{
	return cpuid(1).edx;
}

/* The handler's ret has popped the return address. */
long sys_rt_sigreturn(void)
{
	struct trapframe *tf = task_frame(current);
	struct ucontext uc;

	if (copy_from_user(&uc, &((struct frame *)(tf->sp - 8))->uc, sizeof(uc)))
		process_exit(SIGSEGV);
	fpu_save(current->regs.fpu);
	if (uc.mc.fpstate && copy_from_user(current->regs.fpu, (void *)uc.mc.fpstate, FPU_AREA_SIZE))
		process_exit(SIGSEGV);
	fpu_sanitise(current->regs.fpu);
	fpu_restore(current->regs.fpu);
	load_registers(tf, &uc.mc);
	trapframe_sanitise(tf);
	signal_set_blocked(uc.sigmask);
	tf->trapno = 0; /* whatever AX holds now is no result of this call */
	return 0;
}

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003

long sys_arch_prctl(int code, ulong address)
{
	switch (code) {
	case ARCH_SET_FS:
		if (address >= USER_END)
			return -EPERM;
		current->regs.tls = address;
		tls_load(address);
		return 0;
	case ARCH_GET_FS:
		return put_user(current->regs.tls, (ulong *)address);
	}
	return -EINVAL;
}

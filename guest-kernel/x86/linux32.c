/* SPDX-License-Identifier: MIT */
/*
 * Linux's user interface, 32-bit parts. There are two frames: handlers with SA_SIGINFO return by rt_sigreturn
 * from (return address, signal, &siginfo, &ucontext, siginfo, ucontext); the others by sigreturn, whose
 * trampoline has popped the signal number too, from (return address, signal, sigcontext, upper mask). The
 * floating point state of both is in the FSAVE format followed by the FXSAVE image.
 */
#include "x86/linux_abi.h"
#include "x86/cpu.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define FSAVE_SIZE 112 /* with status and magic words */

struct sigcontext {
	u32 gs, fs, es, ds, di, si, bp, sp, bx, dx, cx, ax, trapno, error, ip, cs, flags, sp_at_signal, ss;
	u32 fpstate, oldmask, cr2;
};

struct ucontext {
	ulong flags;
	ulong link;
	struct sigaltstack stack;
	struct sigcontext mc;
	u64 sigmask;
};

struct old_frame {
	u32 return_address;
	u32 sig;
	struct sigcontext sc;
	u32 upper_mask;
};

struct frame {
	u32 return_address;
	u32 sig, info_pointer, context_pointer;
	struct siginfo_user info;
	struct ucontext uc;
};

static void save_registers(struct sigcontext *sc, const struct trapframe *tf, ulong fp, u64 blocked)
{
	*sc = (struct sigcontext){
	    .gs = tf->gs,
	    .fs = tf->fs,
	    .es = tf->es,
	    .ds = tf->ds,
	    .di = tf->edi,
	    .si = tf->esi,
	    .bp = tf->ebp,
	    .sp = tf->sp,
	    .bx = tf->ebx,
	    .dx = tf->edx,
	    .cx = tf->ecx,
	    .ax = tf->ax,
	    .trapno = tf->trapno,
	    .error = tf->error,
	    .ip = tf->ip,
	    .cs = tf->cs,
	    .flags = tf->flags,
	    .sp_at_signal = tf->sp,
	    .ss = tf->ss,
	    .fpstate = fp,
	    .oldmask = (u32)blocked,
	};
}

static void load_registers(struct trapframe *tf, const struct sigcontext *sc)
{
	tf->gs = (u16)sc->gs, tf->fs = (u16)sc->fs, tf->es = (u16)sc->es, tf->ds = (u16)sc->ds;
	tf->edi = sc->di, tf->esi = sc->si, tf->ebp = sc->bp, tf->ebx = sc->bx, tf->edx = sc->dx;
	tf->ecx = sc->cx, tf->ax = sc->ax, tf->sp = sc->sp, tf->ip = sc->ip, tf->flags = sc->flags;
}

static ulong frame_top(const struct trapframe *tf, const struct sigaction *act)
{
	const struct sigaltstack *alt = &current->signals.altstack;

	if ((act->flags & SA_ONSTACK) && !(alt->flags & SS_DISABLE) && tf->sp - alt->sp >= alt->size)
		return alt->sp + alt->size;
	return tf->sp;
}

/* The handler finds its arguments where a call would have put them: sp + 4 is a multiple of 16. */
static ulong frame_place(ulong top, size_t size)
{
	return ROUND_DOWN(top - size + 4, 16UL) - 4;
}

static int push_fpu(ulong fp)
{
	static const u8 fsave_head[FSAVE_SIZE];

	fpu_save(current->regs.fpu);
	return copy_to_user((void *)fp, fsave_head, FSAVE_SIZE) ||
	       copy_to_user((char *)fp + FSAVE_SIZE, current->regs.fpu, FPU_AREA_SIZE);
}

static int pop_fpu(ulong fp)
{
	if (!fp)
		return 0;
	fpu_save(current->regs.fpu);
	if (copy_from_user(current->regs.fpu, (char *)fp + FSAVE_SIZE, FPU_AREA_SIZE))
		return -EFAULT;
	fpu_sanitise(current->regs.fpu);
	fpu_restore(current->regs.fpu);
	return 0;
}

static int push_old(struct trapframe *tf, ulong fp, int sig, const struct sigaction *act, u64 blocked)
{
	struct old_frame *user = (struct old_frame *)frame_place(fp, sizeof(*user)), f = {0};

	f.return_address = act->restorer;
	f.sig = sig;
	f.upper_mask = blocked >> 32;
	save_registers(&f.sc, tf, fp, blocked);
	tf->sp = (ulong)user;
	return copy_to_user(user, &f, sizeof(f));
}

static int push_rt(struct trapframe *tf, ulong fp, int sig, const struct sigaction *act,
		   const struct siginfo *info, u64 blocked)
{
	struct frame *user = (struct frame *)frame_place(fp, sizeof(*user)), f = {0};

	f.return_address = act->restorer;
	f.sig = sig;
	f.info_pointer = (ulong)&user->info;
	f.context_pointer = (ulong)&user->uc;
	f.uc.stack = current->signals.altstack;
	f.uc.sigmask = blocked;
	save_registers(&f.uc.mc, tf, fp, blocked);
	siginfo_to_user(info, &f.info);
	tf->sp = (ulong)user;
	tf->edx = f.info_pointer;
	tf->ecx = f.context_pointer;
	return copy_to_user(user, &f, sizeof(f));
}

int abi_push_signal_frame(struct trapframe *tf, int sig, const struct sigaction *act,
			  const struct siginfo *info, uint64_t blocked)
{
	ulong fp = ROUND_DOWN(frame_top(tf, act) - FPU_AREA_SIZE - FSAVE_SIZE, 16UL);

	if (!(act->flags & SA_RESTORER) || push_fpu(fp))
		return -EFAULT;
	if (act->flags & SA_SIGINFO ? push_rt(tf, fp, sig, act, info, blocked)
				    : push_old(tf, fp, sig, act, blocked))
		return -EFAULT;
	tf->ax = sig;
	tf->ip = act->handler;
	tf->flags &= ~(FLAG_DF | FLAG_TF);
	return 0;
}

void abi_clone_args(unsigned long *child_tid, unsigned long *tls)
{
	ulong first = *child_tid;

	*child_tid = *tls;
	*tls = first;
}

/* struct user_desc of set_thread_area: only the base matters, as all TLS segments are 4 GiB long. */
struct user_desc {
	u32 entry, base, limit, flags;
};

int abi_clone_tls(unsigned long arg, uintptr_t *base)
{
	struct user_desc d;

	if (copy_from_user(&d, (void *)arg, sizeof(d)))
		return -EFAULT;
	*base = d.base;
	return 0;
}

unsigned long abi_hwcap(void)
{
	return cpuid(1).edx;
}

/* The trampoline popped return address and signal number. */
long sys_sigreturn(void)
{
	struct trapframe *tf = task_frame(current);
	struct old_frame f;

	if (copy_from_user(&f, (void *)(tf->sp - 8), sizeof(f)) || pop_fpu(f.sc.fpstate))
		process_exit(SIGSEGV);
	load_registers(tf, &f.sc);
	trapframe_sanitise(tf);
	signal_set_blocked((u64)f.upper_mask << 32 | f.sc.oldmask);
	tf->trapno = 0; /* whatever AX holds now is no result of this call */
	return 0;
}

/* The handler's ret popped the return address. */
long sys_rt_sigreturn(void)
{
	struct trapframe *tf = task_frame(current);
	struct ucontext uc;

	if (copy_from_user(&uc, &((struct frame *)(tf->sp - 4))->uc, sizeof(uc)) || pop_fpu(uc.mc.fpstate))
		process_exit(SIGSEGV);
	load_registers(tf, &uc.mc);
	trapframe_sanitise(tf);
	signal_set_blocked(uc.sigmask);
	tf->trapno = 0; /* whatever AX holds now is no result of this call */
	return 0;
}

long sys_set_thread_area(ulong user_desc)
{
	struct user_desc *user = (struct user_desc *)user_desc, d;

	if (copy_from_user(&d, user, sizeof(d)))
		return -EFAULT;
	if (d.entry == ~0U) {
		d.entry = TLS_GDT_ENTRY;
		if (put_user(d.entry, &user->entry))
			return -EFAULT;
	}
	if (d.entry != TLS_GDT_ENTRY)
		return -EINVAL;
	current->regs.tls = d.base;
	tls_load(d.base);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* From the number to the handler. The table is filled from syscalls.def, with the numbers of this word size.
 */
#include "kern/sys/syscalls.h"
#include "kern/console/log.h"
#include "kern/fs/ext2.h"
#include "kern/fs/ramfs.h"
#include "kern/lib/errno.h"
#include "kern/proc/process.h"

#define NONE             (-1)
#define CALL_MAX         512
#define NUMBER(n64, n32) (sizeof(long) == 8 ? (n64) : (n32))

typedef long (*handler_t)(ulong, ulong, ulong, ulong, ulong, ulong);

/* A handler whose number does not exist in this word size is not referenced, so it need not exist.
 */
#define HANDLER(n64, n32, name) \
	__builtin_choose_expr(NUMBER(n64, n32) == NONE, (handler_t)0, (handler_t)(void (*)(void))sys_##name)

static const struct {
	int number;
	handler_t handler;
} rows[] = {
#define SYSCALL(n64, n32, name, args) {NUMBER(n64, n32), HANDLER(n64, n32, name)},
#define ALSO(n64, n32, name)          {NUMBER(n64, n32), HANDLER(n64, n32, name)},
#include "syscalls.def"
#undef SYSCALL
#undef ALSO
};

static handler_t table[CALL_MAX];

void syscall_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].number != NONE)
			table[rows[i].number] = rows[i].handler;
	}
}

/*
 * ERESTARTSYS leaves the registers alone, so that the call can be made again; signal_deliver() decides.
 * Handlers take fewer or narrower arguments than they are given, which both calling conventions allow.
 */
void syscall(struct trapframe *tf)
{
	ulong number = sc_number(tf);
	long result;

	if (number >= CALL_MAX || !table[number]) {
		sc_set_result(tf, -ENOSYS);
		return;
	}
	result = table[number](sc_arg(tf, 0), sc_arg(tf, 1), sc_arg(tf, 2), sc_arg(tf, 3), sc_arg(tf, 4),
			       sc_arg(tf, 5));
	ramfs_reap();
	ext2_reap();
	if (tf->trapno != TRAP_SYSCALL) /* sigreturn put all registers back: there is no result */
		return;
	if (result == -ERESTARTSYS)
		current->signals.restart = true;
	else
		sc_set_result(tf, result);
}

/* SPDX-License-Identifier: MIT */
/* A whole pv64 guest in one file: it greets, waits for its timer, and powers itself off. It uses the headers
 * of Xen's public interface alone: ours, or those of Debian's libxen-dev. */
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040600
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/io/console.h>

/* What the builder wants to know (xen/elfnote.h), and where the guest begins: RSI has the address of start_info. */
asm(".macro NOTE type, size, value:vararg\n"
    "	.long 4, 771f - 770f, \\type\n"
    "	.asciz \"Xen\"\n"
    "770: \\size \\value\n"
    "771: .balign 4\n"
    ".endm\n"
    ".section .note.xen, \"a\", @note\n"
    "	NOTE 6, .asciz, \"hello\"\n"     /* XEN_ELFNOTE_GUEST_OS */
    "	NOTE 5, .asciz, \"xen-3.0\"\n"   /* XEN_ELFNOTE_XEN_VERSION */
    "	NOTE 8, .asciz, \"generic\"\n"   /* XEN_ELFNOTE_LOADER */
    "	NOTE 3, .quad, 0\n"              /* XEN_ELFNOTE_VIRT_BASE: where its memory begins */
    "	NOTE 1, .quad, start\n"          /* XEN_ELFNOTE_ENTRY */
    "	NOTE 2, .quad, hypercall_page\n" /* XEN_ELFNOTE_HYPERCALL_PAGE: filled by the builder */
    ".text\n"
    ".globl start\n"
    "start:	lea stack_top(%rip), %rsp\n"
    "	mov %rsi, %rdi\n"
    "	call hello\n"
    ".bss\n"
    ".balign 4096\n"
    "hypercall_page: .skip 4096\n"
    ".skip 8192\n"
    "stack_top:\n"
    ".text\n");

/* Two pages of the guest's own addresses; what is mapped there is chosen at run time. */
static char shared_page[4096] __attribute__((aligned(4096)));
static char console_page[4096] __attribute__((aligned(4096)));

static volatile struct shared_info *const shared = (void *)shared_page;
static volatile struct xencons_interface *const ring = (void *)console_page;
static evtchn_port_t console_port; /* 0: there is no ring, as in Dom0 */

/* Each hypercall has 32 bytes of the page. Its arguments go where a system call's would. */
static long hypercall(unsigned number, unsigned long a, unsigned long b, unsigned long c)
{
	extern char hypercall_page[];
	long rc;
	asm volatile("call *%[entry]"
		     : "=a"(rc), "+D"(a), "+S"(b), "+d"(c)
		     : [entry] "r"(hypercall_page + 32 * number)
		     : "rcx", "r8", "r9", "r10", "r11", "memory");
	return rc;
}

/* Map a machine address at a page: present, writable, user (a pv64 kernel runs in ring 3). */
static void map(void *page, uint64_t machine)
{
	hypercall(__HYPERVISOR_update_va_mapping, (unsigned long)page, machine | 7, UVMF_INVLPG);
}

/* A line to the hypervisor's log, where it lets us (Debian's Xen lets Dom0 alone), and to the console's ring, whose 2 KiB
 * hold all that this guest ever says. The ring's index goes up once the characters are there. */
static void say(const char *text)
{
	unsigned long length = 0;
	uint32_t at = ring->out_prod;
	while (text[length])
		length++;
	hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, length, (unsigned long)text);
	if (!console_port)
		return;
	for (unsigned long i = 0; i < length; i++)
		ring->out[MASK_XENCONS_IDX(at++, ring->out)] = text[i];
	__atomic_store_n(&ring->out_prod, at, __ATOMIC_RELEASE);
	hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send,
		  (unsigned long)&(struct evtchn_send){console_port}, 0);
}

static void say_number(unsigned long n)
{
	char text[21], *digit = text + 20;
	*digit = 0;
	do
		*--digit = '0' + n % 10;
	while (n /= 10);
	say(digit);
}

/* Sleep until an event comes by the port, and forget it. A guest that wants upcalls instead registers a callback and clears
 * masks; this one leaves them set. */
static void await_event(evtchn_port_t port)
{
	struct sched_poll poll = {.nr_ports = 1};
	set_xen_guest_handle(poll.ports, &port);
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&poll, 0);
	__atomic_fetch_and(&shared->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST);
}

static void __attribute__((used)) hello(struct start_info *start)
{
	struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER};

	map(shared_page, start->shared_info);
	if (!(start->flags & SIF_INITDOMAIN)) {
		map(console_page, (uint64_t)start->console.domU.mfn << 12);
		console_port = start->console.domU.evtchn;
	}
	say("Hello from C, a guest of ");
	say(start->magic);
	say(", with ");
	say_number(start->nr_pages);
	say(" pages\r\n");

	hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (unsigned long)&timer, 0);
	/* From when the hypervisor last wrote the time; Xen's own tick of 10 ms comes by this port too. */
	hypercall(__HYPERVISOR_set_timer_op, shared->vcpu_info[0].time.system_time + 100000000, 0, 0);
	await_event(timer.port);
	say("The timer's event came by port ");
	say_number(timer.port);
	say("; goodbye\r\n");

	while (console_port && ring->out_cons != ring->out_prod) /* who reads sends an event */
		await_event(console_port);
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
		  (unsigned long)&(struct sched_shutdown){SHUTDOWN_poweroff}, 0);
}

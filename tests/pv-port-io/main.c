/* SPDX-License-Identifier: MIT */
/*
 * Port I/O. The kernel may use ports if its virtual IOPL is 1 or more, an application if it is 3 or the bitmap of
 * set_iobitmap permits every port of the access; a bitmap that cannot be read permits nothing. With
 * VMASST_TYPE_architectural_iopl the level is the one in the flags of IRET, is seen in frames, and the kernel counts as
 * ring 0. INS and OUTS do what they do natively: registers move in either direction, a page fault in the middle of a
 * REP tells the byte that is missing and leaves the rest to be done, memory that the code could not touch by a MOV it
 * cannot touch by them, and no device gives a datum away that has nowhere to go.
 *
 * Xen 4.17 differs in three details: its page faults never say "present", it may store the part of an element that lies
 * before the missing page, and its own addresses give #GP.
 */
#include "fw.h"
#include "xen/physdev.h"

const char test_title[] = "pv-port-io";

#define CMOS      0x71 /* data of the byte that port 0x70 selects */
#define PCI_INDEX 0xcf8
#define PCI_DATA  0xcfc
#define HOST_ID   0x12378086u /* the host bridge of QEMU's machine */
#define KBD_DATA  0x60
#define KBD_CMD   0x64
#define KBD_FULL  1 /* of what port 0x64 reads: a byte waits in port 0x60 */
#define FLAGS_DF  0x400ul
#define FLAG_IOPL 0x3000ul

static struct frame seen;
static struct {
	unsigned long index, count;
} after;

static uint32_t pages[2][1024] __attribute__((aligned(4096)));

static bool note(struct frame *f)
{
	seen = *f;
	return false;
}

/* A string instruction with RDI or RSI @at and RCX @n; afterwards: what they have become. */
#define STRING(insn, port, at, n)                                                       \
	({                                                                              \
		unsigned long at_ = (unsigned long)(at), si_ = at_, n_ = (n);           \
		__asm__ volatile(insn "; cld"                                           \
				 : "+D"(at_), "+S"(si_), "+c"(n_)                       \
				 : "d"(port)                                            \
				 : "memory", "cc");                                     \
		after.index = at_ != (unsigned long)(at) ? at_ : si_, after.count = n_; \
	})

static void outb(unsigned port, uint8_t value)
{
	__asm__ volatile("outb %0, %w1" ::"a"(value), "d"(port));
}

static uint8_t inb(unsigned port)
{
	uint8_t value;

	__asm__ volatile("inb %w1, %0" : "=a"(value) : "d"(port));
	return value;
}

static void set_iopl(unsigned level)
{
	struct physdev_set_iopl iopl = {level};

	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
}

/* The devices that the hypervisor drives are not there, not even for Dom0, not even in the middle of an access: where
 * something is, it answers with something else than ones. */
static void not_ours(void)
{
	static const uint16_t bytes[] = {0x20,  0x21,  0x40,  0x43,  0xa0, 0xa1,
					 0x3f8, 0x3fd, 0x3ff, 0x4d0, 0x4d1};
	static const uint16_t words[] = {0x1f, 0x3f, 0x9f, 0x3f7, 0x4cf};
	uint16_t word;
	uint32_t dword;

	for (unsigned i = 0; i < ARRAY_SIZE(bytes); i++)
		check_eq(inb(bytes[i]), 0xff);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		__asm__ volatile("inw %w1, %0" : "=a"(word) : "d"(words[i]));
		check_eq(word, 0xffff);
		__asm__ volatile("inl %w1, %0" : "=a"(dword) : "d"(words[i]));
		check_eq(dword, 0xffffffff);
	}
	/* A mask for the controller, by its two ports, and by the two around them: it is as it was. */
	outb(0x21, 0);
	__asm__ volatile("outl %0, %w1" ::"a"(0), "d"(0x1f));
}

/* Take the second page away, or give it back with these flags. */
static void second_page(pte_t flags)
{
	check_eq(hypercall_update_va_mapping((unsigned long)pages[1],
					     flags ? (pte_t)va_to_mfn(pages[1]) << 12 | flags : 0,
					     UVMF_INVLPG),
		 0);
}

static void plain_strings(void)
{
	static const uint32_t bridge = 0x80000000;
	static const uint8_t index = 0x60, values[] = {0x11, 0x22, 0x33};

	check_no_fault(STRING("outsl", PCI_INDEX, &bridge, 7));
	check_eq(after.index, (unsigned long)(&bridge + 1));
	check_eq(after.count, 7);
	pages[0][3] = 0x55;
	check_no_fault(STRING("rep insl", PCI_DATA, pages[0], 3));
	check_eq(after.count, 0);
	check_eq(after.index, (unsigned long)&pages[0][3]);
	for (unsigned i = 0; i < 3; i++)
		check_eq(pages[0][i], HOST_ID);
	check_eq(pages[0][3], 0x55);
	check_no_fault(STRING("std; rep insw", PCI_DATA, (uint16_t *)pages[0] + 9, 2));
	check_eq(after.index, (unsigned long)((uint16_t *)pages[0] + 7));
	check_eq(pages[0][4], (HOST_ID & 0xffff) << 16 | (HOST_ID & 0xffff));
	check_no_fault(STRING("rep insl", PCI_DATA, 16, 0)); /* no round: memory is not looked at */

	/* The last byte written is the one that is read. */
	check_no_fault(STRING("outsb", 0x70, &index, 0));
	check_no_fault(STRING("rep outsb", CMOS, values, 3));
	check_eq(after.index, (unsigned long)(values + 3));
	check_eq(inb(CMOS), 0x33);
#ifdef __x86_64__
	check_no_fault(STRING("addr32 rep insb", CMOS, USER_STACK, 0));
	check_eq(hypercall_set_segment_base(SEGBASE_FS, (unsigned long)values - 64), 0);
	check_no_fault(STRING("fs outsb", CMOS, 64, 0));
	check_eq(inb(CMOS), 0x11);
	check_eq(hypercall_set_segment_base(SEGBASE_FS, 0), 0);
#endif
}

/* A fault in the second page: note it, map the page, go on. */
static bool mend(struct frame *f)
{
	seen = *f;
	if (f->vector != VEC_PF)
		return false;
	second_page(PTE_P | PTE_RW | PTE_A | PTE_D);
	return true;
}

static void restart(void)
{
	uint32_t *across = (uint32_t *)((char *)pages[1] - 2);

	second_page(0);
	trap_hook = mend;
	check_no_fault(STRING("rep insl", PCI_DATA, pages[1] - 2, 4));
	check_eq(after.count, 0);
	check_eq(after.index, (unsigned long)(pages[1] + 2));
	check_eq(pages[1][1], HOST_ID);
	check_eq(seen.vector, VEC_PF);
	check_eq(seen.error, 2);
	check_eq(seen.cx, 2);
	check_eq(seen.di, (unsigned long)pages[1]);

	/* One element on both pages: the address is the second one's, and nothing was stored before. */
	trap_hook = note;
	second_page(PTE_P | PTE_A | PTE_D);
	pages[0][1023] = 0;
	check_fault(VEC_PF, STRING("insl", PCI_DATA, across, 0));
	check_eq(fault.error, 3);
	check_eq(fault.cr2, (unsigned long)pages[1]);
	check_eq(pages[0][1023], 0);
	check_no_fault(STRING("outsl", 0x80, across, 0)); /* reading both is allowed */
	second_page(0);
	check_fault(VEC_PF, STRING("rep outsl", 0x80, across, 5));
	check_eq(fault.error, 0);
	check_eq(fault.cr2, (unsigned long)pages[1]);
	check_eq(seen.cx, 5);
	second_page(PTE_P | PTE_RW | PTE_A | PTE_D);
	trap_hook = NULL;
}

/* The keyboard controller keeps a byte until it is read: a fault must not have read it. */
static void nothing_lost(void)
{
	uint8_t got = 0;

	while (inb(KBD_CMD) & KBD_FULL)
		inb(KBD_DATA);
	outb(KBD_CMD, 0xd2); /* the next byte is to appear as if it had been typed */
	outb(KBD_DATA, 0xab);
	check(inb(KBD_CMD) & KBD_FULL);
	check_fault(VEC_PF, STRING("insb", KBD_DATA, 16, 0));
	check_no_fault(STRING("insb", KBD_DATA, &got, 0));
	check_eq(got, 0xab);
}

static void hostile_buffers(void)
{
	static const unsigned long bad[] = BAD_POINTERS;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
#ifdef __x86_64__
		unsigned vector = (long)(bad[i] << 16) >> 16 == (long)bad[i] ? VEC_PF : VEC_GP;
#else
		unsigned vector = VEC_PF;
#endif
		check_fault(vector, STRING("insl", PCI_DATA, bad[i], 0));
		check_fault(vector, STRING("rep insl", PCI_DATA, bad[i], 100));
	}
	check_fault(VEC_PF, STRING("insl", PCI_DATA, MACH2PHYS_VIRT_START, 0));
	check_fault(VEC_PF, STRING("insl", PCI_DATA, (unsigned long)root_page(), 0));
	check_eq(fault.error, 3);
}

#ifndef __x86_64__
/* A segment of 16 bytes at pages[0]; the same read-only; the same growing down. */
static void segments(void)
{
	static uint64_t gdt[512] __attribute__((aligned(4096)));
	uint64_t base = (unsigned long)pages[0];
	uint64_t data = 0x004093000000000full | (base & 0xffffff) << 16 | (base >> 24) << 56 | 1ull << 45;
	unsigned long frames[1] = {va_to_mfn(gdt)};

	gdt[1] = data;
	gdt[2] = data & ~(2ull << 40);
	gdt[3] = data | 4ull << 40;
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(frames, 512), 0);
#define ES(sel, insn) "push %%es; push $" #sel "; pop %%es; " insn "; pop %%es"
	pages[0][0] = pages[0][3] = 0;
	check_no_fault(STRING(ES(9, "insl"), PCI_DATA, 12, 0));
	check_eq(pages[0][3], HOST_ID);
	check_fault(VEC_GP, STRING(ES(9, "insl"), PCI_DATA, 13, 0));
	check_fault(VEC_GP, STRING(ES(9, "insl"), PCI_DATA, ~3ul, 0));
	check_fault(VEC_GP, STRING(ES(17, "insl"), PCI_DATA, 0, 0));
	check_no_fault(STRING(ES(17, "es outsl"), 0x80, 0, 0));
	check_fault(VEC_GP, STRING(ES(25, "insl"), PCI_DATA, 12, 0));
	check_no_fault(STRING(ES(25, "insl"), PCI_DATA, 16, 0));
	check_eq(pages[0][4], HOST_ID);
	check_no_fault(STRING("cs outsl", 0x80, pages[0], 0));
	check_fault(VEC_GP, STRING(ES(0, "insl"), PCI_DATA, 0, 0));
	__asm__ volatile("mov %0, %%es" : : "r"(FLAT_KERNEL_SS));
	check_eq(hypercall_set_gdt(frames, 0), 0);
}
#endif

/*
 * Ring 3, by the argument: 0 IN from the CMOS, then a system call; 1 REP INSB of three bytes, then one with the first
 * four in EAX; 2 IN from port 0x80; 3 IN of two bytes from the CMOS. Else it is an address: INSB there, or OUTSB from
 * there if it is odd, then a system call.
 */
#ifdef __x86_64__
#define ARG     "%rdi"
#define TO_DI   ""
#define TO_SI   "lea -1(%rdi), %rsi\n"
#define SYSCALL "syscall"
#else
#define ARG     "%ebx"
#define TO_DI   "mov %ebx, %edi\n"
#define TO_SI   "lea -1(%ebx), %esi\n"
#define SYSCALL "int $0x80"
#endif
__asm__(".pushsection .rodata\nuser_code:\n" USER_SEGMENTS "mov $0x71, %edx; cmp $1, " ARG
	"; jb 1f; je 2f; cmp $3, " ARG "; jb 3f; je 4f\n"
	"test $1, " ARG "; jnz 5f\n" TO_DI "insb; " SYSCALL "\n"
	"1: in %dx, %al; " SYSCALL "\n"
	"2: mov $0x402000, %edi; movl $0, (%edi); mov $3, %ecx; rep insb; mov -3(%edi), %eax; " SYSCALL "\n"
	"3: in $0x80, %al; " SYSCALL "\n"
	"4: in %dx, %ax; " SYSCALL "\n"
	"5: " TO_SI "outsb; " SYSCALL "\n"
	"user_end:\n.popsection");
extern const char user_code[], user_end[];

static void refused(unsigned long arg)
{
	struct user_exit x = user_run(arg);

	check(!x.syscall);
	check_eq(x.vector, VEC_GP);
	check_eq(x.error, 0);
}

static void bitmaps(void)
{
	static uint8_t bits[8192] __attribute__((aligned(4096)));
	static volatile uint32_t secret __attribute__((aligned(8))) = 0x5ec7e7;
	struct physdev_set_iobitmap map = {.nr_ports = 65536};
	struct user_exit x;

	set_iopl(1);
	outb(CMOS, 0x11);
	set_iopl(0);
	for (unsigned i = 0; i < sizeof(bits); i++)
		bits[i] = 0xff;
	bits[CMOS / 8] &= ~(1u << CMOS % 8);
	set_xen_guest_handle(map.bitmap, bits);
	refused(0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
	x = user_run(0);
	check(x.syscall);
	check_eq(x.ax & 0xff, 0x11);
	x = user_run(1);
	check(x.syscall);
	check_eq(x.ax, 0x111111);
	refused(2);
	refused(3); /* its second byte is port 0x72 */

	/* The kernel's memory by way of its ports. */
	for (unsigned store = 0; store < 2; store++) {
		x = user_run((unsigned long)&secret + !store);
		check(!x.syscall);
		check_eq(x.vector, VEC_PF);
		check_eq(x.error, (store ? 2 : 0) | (ROOT_LEVEL == 4 ? 4 : 5));
		check_eq(x.cr2, (unsigned long)&secret);
		check_eq(secret, 0x5ec7e7);
	}

	map.nr_ports = CMOS; /* just too short */
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
	refused(0);
	map.nr_ports = CMOS + 1;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
	check(user_run(0).syscall);
	map.nr_ports = 65537;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), -XEN_EINVAL);
	map.nr_ports = 65536;
	set_xen_guest_handle(map.bitmap, (uint8_t *)16);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
	refused(0);
	/* It reads as zeroes, but it is the hypervisor's. */
	set_xen_guest_handle(map.bitmap, (uint8_t *)HYPERVISOR_VIRT_START);
	if (hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map) == 0)
		refused(0);
	map.nr_ports = 0;
	set_xen_guest_handle(map.bitmap, NULL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
}

static unsigned long new_iopl;

/* First the level of the next try; then the end of it. */
static bool change_iopl(struct frame *f)
{
	seen = *f;
	if (f->vector != VEC_UD)
		return false;
	f->flags = (f->flags & ~FLAG_IOPL) | new_iopl;
	f->ip += 2;
	return true;
}

static unsigned long iopl_seen(unsigned long next)
{
	new_iopl = next;
	trap_hook = change_iopl;
	__asm__ volatile("ud2");
	trap_hook = NULL;
	return seen.flags & FLAG_IOPL;
}

static void levels(void)
{
	for (unsigned level = 0; level < 4; level++) {
		set_iopl(level);
		if (level >= 1) {
			check_no_fault(inb(CMOS));
			check_no_fault(__asm__ volatile("cli; sti"));
		} else {
			check_fault(VEC_GP, inb(CMOS));
			check_fault(VEC_GP, __asm__ volatile("cli"));
			check_fault(VEC_GP, STRING("insb", CMOS, pages[0], 0));
		}
		if (level == 3)
			check(user_run(0).syscall);
		else
			refused(0);
		check_eq(iopl_seen(FLAG_IOPL), 0); /* hidden, and not to be set so */
	}

	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
	set_iopl(2);
	check_eq(iopl_seen(FLAG_IOPL), 2 << 12);
	check_eq(iopl_seen(0), FLAG_IOPL);
	check_eq(iopl_seen(0), 0);
	check_no_fault(inb(CMOS)); /* ring 0 */
	set_iopl(3);
	refused(0); /* the IRET into the application said 0 */
	check_eq(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
	check_fault(VEC_GP, inb(CMOS));
}

void test_main(void)
{
	hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
	set_iopl(1);
	not_ours();
	plain_strings();
	restart();
	nothing_lost();
	hostile_buffers();
#ifndef __x86_64__
	segments();
#endif
	set_iopl(0);
	user_map(user_code, user_end - user_code);
	bitmaps();
	levels();
}

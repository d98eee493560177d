/* SPDX-License-Identifier: MIT */
/* Control and debug registers, MSRs, ports, and the doors of other modes. */
#include "hostile.h"

#define CR0_PE 1u
#define CR0_PG 0x80000000u

static void try(routine *which, uint32_t v)
{
	operand = v;
	attempt(which);
}

void case_cr(void)
{
	static routine *const debug[] = {write_dr0, write_dr1, write_dr2, write_dr3, write_dr6};

	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t v = 1u << bit;

		if (v != CR0_PG)
			try(write_cr0, CR0_PE | v);
		try(write_cr0, 0x11);
		try(write_cr2, v);
		try(write_cr3, v);
		try(write_cr4, v);
		try(write_cr4, ~v);
		try(write_cr1, v);
		try(msw, v);
		for (unsigned i = 0; i < COUNT(debug); i++)
			try(debug[i], v);
		try(write_dr7, v & ~0xffu); /* none enabled */
	}
	/* Breakpoints on what the hypervisor has, on ports, on our own code; the last are met. */
	try(write_dr0, 0xffffffff);
	try(write_dr1, COM1);
	try(write_dr2, (uint32_t)landing);
	try(write_dr3, 0);
	for (unsigned n = 0; n < 256; n++)
		try(write_dr7, 0x400 | (n & 0xcf) | random32() << 16);
	try(write_dr7, 0x400);
	try(write_cr4, 0);
	try(write_cr0, 0x11);
}

void case_msr(void)
{
	static const uint32_t first[] = {
	    0,     0x170, 0x1d0,      0x200,      0x270,      0x2f0,      0x380,      0x480,      0x6e0,
	    0x800, 0xd90, 0x4b564d00, 0x40000000, 0xc0000080, 0xc0000100, 0xc0010000, 0xc0010100, 0xfffffff0};
	static const uint64_t values[] = {0, ~0ull, 0x8000000000000000, 0x0000800000000000, 0xfee00d00};

	for (unsigned i = 0; i < COUNT(first); i++)
		for (uint32_t n = 0; n < 40; n++) {
			operand = first[i] + n;
			attempt(read_msr);
			for (unsigned k = 0; k < COUNT(values); k++) {
				value[0] = values[k];
				value[1] = values[k] >> 32;
				if (attempt(write_msr) && operand == 0xc0000080 && (values[k] & ~0x801ull))
					wrong("EFER took value", k);
			}
		}
	operand = 0xc0000080;
	value[0] = value[1] = 0;
	attempt(write_msr);
}

static uint16_t port;
static uint32_t sent;

static void use_port(void)
{
	uint32_t v;

	__asm__ volatile("outb %b0, %1" : : "a"(sent), "d"(port));
	__asm__ volatile("inb %1, %b0" : "=a"(v) : "d"(port));
	__asm__ volatile("inw %1, %w0" : "=a"(v) : "d"(port));
	__asm__ volatile("inl %1, %0" : "=a"(v) : "d"(port));
}

static void use_port_widely(void)
{
	__asm__ volatile("outw %w0, %1" : : "a"(sent), "d"(port));
	__asm__ volatile("outl %0, %1" : : "a"(sent), "d"(port));
}

/* Would it switch the machine off, or fill the console? */
static bool is_an_end(uint32_t p)
{
	return (p >= 0x601 && p <= 0x604) || (p >= 0xcf6 && p <= 0xcf9) || (p >= 0x61 && p <= 0x64) ||
	       (p >= COM1 - 3 && p < COM1 + 8);
}

void case_ports(void)
{
	for (uint32_t p = 0; p < 0x10000; p += p < 0x1000 ? 1 : 37)
		if (!is_an_end(p)) {
			port = p;
			sent = random32();
			attempt(use_port);
			attempt(use_port_widely);
		}
	port = 0xffff; /* its neighbours are at the start again */
	attempt(use_port);
	attempt(use_port_widely);
	/* The devices that there are: every command, every order. */
	for (unsigned n = 0; n < 20000; n++) {
		static const uint16_t known[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41,
						 0x42, 0x43, 0x61, 0x70, 0x71};

		outb(known[random32() % COUNT(known)], random32());
		inb(known[random32() % COUNT(known)]);
	}
	for (unsigned reg = 1; reg < 8; reg++)
		for (unsigned v = 0; v < 256; v++) {
			outb(COM1 + reg, v);
			inb(COM1 + reg);
		}
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	for (unsigned channel = 0; channel < 3; channel++)
		outb(0x43, channel << 6 | 0x30);
}

void case_doors(void)
{
	static routine *const doors[] = {syscall_out, sysenter_out, sysexit_out, sysret_out,
					 vmcall_out,  swapgs_out,   rsm_out};

	for (unsigned i = 0; i < COUNT(doors); i++)
		for (unsigned ring = 0; ring < 4; ring += 3) {
			run(doors[i], ring);
			if (fault_vector != 6 && fault_vector != 13)
				wrong("a door was open", i * 10 + ring);
		}
	for (unsigned bit = 0; bit < 32; bit++) {
		operand = 1u << bit;
		attempt(xsetbv_out);
	}
	for (unsigned n = 0x80; n < 0x84;
	     n++) /* what other kinds of guest call the hypervisor by: gates that we do not have */
		run((routine *)interrupts[n], 3);
}

/* The timer as fast as it goes, and something to do. Does not end. */
void case_pit(void)
{
	outb(0x43, 0x34); /* channel 0, mode 2 */
	outb(0x40, 1);
	outb(0x40, 0);
	for (;;) {
		put_char('.');
		for (volatile unsigned n = 0; n < 300000; n++)
			;
	}
}

void die_real(void)
{
	try(write_cr0, 0x10);
	wrong("real mode", 0);
}

void die_paging(void)
{
	try(write_cr4, 0);
	try(write_cr0, CR0_PG | CR0_PE);
	wrong("paging without PAE", 0);
}

/* A root that leads nowhere: not even this code is mapped. */
void die_root(void)
{
	try(write_cr4, 0x20);
	try(write_cr3, 0xffffffe0);
	try(write_cr0, CR0_PG | CR0_PE);
	wrong("a root that is none", 0);
}

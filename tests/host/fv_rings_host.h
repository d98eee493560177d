/* SPDX-License-Identifier: MIT */
/* The privileges of an fv domain (fv/control.c, inject.c, segments.c) with its tables in a small memory. Included by one file of
 * a test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
#define read_cr0()       0ul
#define write_cr0(value) ((void)(value))
#define clts()           ((void)0)
#include "fv/control.c"
#include "fv/inject.c"
#include "fv/segments.c"

uint64_t host_directmap;
struct percpu host_percpu;
struct page_info *frame_table;
static struct domain domain;
static struct vcpu vcpu;
static struct fv fv;
static uint8_t ram[65536]; /* the guest's, from its address 0; beyond it nothing is mapped */
static unsigned crashes, dropped, reloads, loaded, synced, polls, forgotten;
static unsigned interrupts, first_vector; /* that the controller has, and their first vector */
static bool segments_fail;
static void *page_left; /* what there is to be allocated */

uint32_t fv_read_slowly(struct fv *f, uint32_t va, void *to, unsigned n, uint32_t *fault)
{
	if ((uint64_t)va + n > sizeof(ram)) {
		*fault = MAX(va, (uint32_t)sizeof(ram));
		return 0;
	}
	memcpy(to, ram + va, n);
	return FV_OK;
}
uint32_t fv_write(struct fv *f, uint32_t va, const void *from, unsigned n, uint32_t *fault)
{
	if ((uint64_t)va + n > sizeof(ram)) {
		*fault = va;
		return 2;
	}
	memcpy(ram + va, from, n);
	return FV_OK;
}
void *fv_frame_at(struct fv *f, uint32_t pfn)
{
	static uint8_t nothing[4096];

	return pfn < sizeof(ram) / PAGE_SIZE ? ram + pfn * PAGE_SIZE : memset(nothing, 0xff, sizeof(nothing));
}
void domain_crash(struct domain *d, const char *fmt, ...)
{
	crashes++;
}
void fv_shadow_drop_all(struct fv *f)
{
	dropped++;
}
void fv_shadow_load_cr3(struct fv *f)
{
	loaded++;
}
void fv_shadow_sync(struct fv *f)
{
	synced++;
}
int pc_interrupt(struct pc *pc, bool *more)
{
	assert_ptr_equal(pc, &fv.pc);
	polls++;
	*more = interrupts > 1;
	return interrupts ? (int)(first_vector + --interrupts) : -1;
}
void segments_save(struct vcpu *v)
{
}
bool segments_load(struct vcpu *v)
{
	reloads++;
	return !segments_fail;
}
void segments_forget(struct vcpu *v, struct segment_selectors *wanted)
{
	forgotten++;
}
uint64_t context_cr4(uint64_t wanted)
{
	return CR4_PAE | (wanted & (CR4_DE | CR4_OSXSAVE));
}
void fpu_set_osxsave(struct fpu_area *area, bool on)
{
}
uint64_t *reg_ptr(struct cpu_user_regs *r, unsigned number)
{
	return &r->rax;
}
void *heap_alloc_pages_for(struct domain *d, unsigned order)
{
	void *p = page_left;

	page_left = NULL;
	return p;
}
static unsigned freed;
void heap_free_pages(void *p, unsigned order)
{
	assert_non_null(p);
	freed++;
}
/* The guest's tables. */
#define GDT     0x1000u
#define IDT     0x2000u
#define TSS     0x3000u
#define STACK   0x5000u /* of its ring 0, by the TSS */
#define KCODE   0x08
#define KDATA   0x10
#define UCODE   0x1b
#define UDATA   0x23
#define CODE0   0x00cf9a000000ffffull
#define DATA0   0x00cf92000000ffffull
#define CODE3   0x00cffa000000ffffull
#define DATA3   0x00cff2000000ffffull
#define HANDLER 0x4440u

static inline void put_descriptor(unsigned i, uint64_t d)
{
	memcpy(ram + GDT + 8 * i, &d, sizeof(d));
}

static inline uint64_t gate_of(unsigned type, unsigned dpl, uint16_t cs, uint32_t to)
{
	return (to & 0xffff) | (uint64_t)cs << 16 | (uint64_t)type << 40 | (uint64_t)dpl << 45 | 1ull << 47 |
	       (uint64_t)(to >> 16) << 48;
}

static inline void put_gate(unsigned vector, uint64_t gate)
{
	memcpy(ram + IDT + 8 * vector, &gate, sizeof(gate));
}

static inline int setup(void **state)
{
	static uint64_t gdt[FV_GDT_ENTRIES], raw[FV_GDT_ENTRIES];
	static union vcpu_view shared;
	static uint32_t esp0 = STACK, ss0 = KDATA;

	memset(ram, 0, sizeof(ram));
	memset(gdt, 0, sizeof(gdt));
	memset(raw, 0, sizeof(raw));
	domain = (struct domain){0};
	vcpu = (struct vcpu){.domain = &domain, .fv = &fv, .info = &shared};
	shared.upcall_pending = shared.upcall_mask = 0;
	fv = (struct fv){.v = &vcpu, .gdt = gdt, .gdt_raw = raw, .cr0 = CR0_PE, .cr4 = CR4_PAE};
	fv.gdtr = (struct fv_table){GDT, 8 * 8 - 1};
	fv.idtr = (struct fv_table){IDT, 64 * 8 - 1};
	fv.tss = (struct fv_table){TSS, 103};
	put_descriptor(1, CODE0);
	put_descriptor(2, DATA0);
	put_descriptor(3, CODE3);
	put_descriptor(4, DATA3);
	memcpy(ram + TSS + 4, &esp0, 4);
	memcpy(ram + TSS + 8, &ss0, 4);
	for (unsigned i = 0; i < 64; i++)
		put_gate(i, gate_of(GATE_INTERRUPT, 0, KCODE, HANDLER + i));
	fv_segments_sync(&fv);
	vcpu.regs.cs = KCODE | 1;
	vcpu.regs.ss = KDATA | 1;
	vcpu.regs.rip = 0x100;
	vcpu.regs.rsp = 0x6000;
	vcpu.regs.rflags = RFLAGS_IF | RFLAGS_MBS;
	crashes = dropped = reloads = loaded = synced = polls = forgotten = interrupts = freed = 0;
	segments_fail = false;
	first_vector = 0x20;
	return 0;
}

static inline void in_user(void)
{
	fv_segments_user_code(&fv, true);
	vcpu.regs.cs = UCODE;
	vcpu.regs.ss = UDATA;
	vcpu.regs.rsp = 0x7000;
}

/* SPDX-License-Identifier: MIT */
/* See debugreg.h. */
#include "pv/debugreg.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/abi.h"
#include "lib/errno.h"
#include "pv/bounce.h"

#define DR6_WRITE         0xe00ful /* B0-B3, BD, BS, BT */
#define DR7_ZERO          0xd800ul /* reserved bits 11, 12, 14, 15 */
#define DR7_GD            0x2000ul
#define DR7_FIELD(dr7, n) ((dr7) >> (16 + 4 * (n)) & 0xf) /* LEN and R/W of breakpoint @n */
#define DR7_ENABLE(n)     (3ul << 2 * (n))
#define DR7_RW            3
#define DR7_IO            2 /* the R/W field of an I/O breakpoint */

/* 4 and 5 are other names of 6 and 7, unless CR4.DE says that they do not exist. */
static int resolve(const struct vcpu *v, unsigned *reg)
{
	if (*reg > 7)
		return -EINVAL;
	if (*reg == 4 || *reg == 5) {
		if (v->pv.cr4 & CR4_DE)
			return -ENODEV;
		*reg += 2;
	}
	return 0;
}

/* The enable bits in @dr7 of breakpoints on ports. */
static uint64_t io_enables(uint64_t dr7)
{
	uint64_t bits = 0;

	for (unsigned n = 0; n < 4; n++)
		if ((DR7_FIELD(dr7, n) & DR7_RW) == DR7_IO)
			bits |= dr7 & DR7_ENABLE(n);
	return bits;
}

/* Only a guest that has set CR4.DE can watch ports: without it there are no I/O breakpoints. */
static int check_dr7(const struct vcpu *v, uint64_t value)
{
	if (value & DR7_GD)
		return -EPERM;
	return io_enables(value) && !(v->pv.cr4 & CR4_DE) ? -EPERM : 0;
}

static void load(const struct vcpu *v, unsigned reg)
{
	switch (reg) {
	case 0:
		write_dr0(v->pv.debugreg[0]);
		break;
	case 1:
		write_dr1(v->pv.debugreg[1]);
		break;
	case 2:
		write_dr2(v->pv.debugreg[2]);
		break;
	case 3:
		write_dr3(v->pv.debugreg[3]);
		break;
	case 6:
		write_dr6(v->pv.debugreg[6] | DR6_FIXED);
		break;
	case 7:
		write_dr7(v->pv.debugreg[7] & ~io_enables(v->pv.debugreg[7]));
		break;
	}
}

int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value)
{
	int rc = resolve(v, &reg);

	if (rc)
		return rc;
	if (reg < 4 && !range_ok(v->domain->abi, value, 8))
		return -EPERM;
	if (reg >= 6 && value >> 32)
		return -EINVAL;
	if (reg == 6)
		value = (value & DR6_WRITE) | DR6_FIXED;
	if (reg == 7) {
		rc = check_dr7(v, value);
		if (rc)
			return rc;
		value = (value & ~DR7_ZERO) | DR7_FIXED;
	}
	v->pv.debugreg[reg] = value;
	if (v != current)
		return 0;
	if (reg != 7) {
		if (v->pv.debugreg[7] & DR7_ENABLES)
			load(v, reg);
	} else if (value & DR7_ENABLES) {
		debugreg_load(v);
	} else {
		debugreg_unload();
	}
	return 0;
}

int debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value)
{
	int rc = resolve(v, &reg);

	if (!rc)
		*value = v->pv.debugreg[reg];
	return rc;
}

void debugreg_load(struct vcpu *v)
{
	static const uint8_t order[] = {0, 1, 2, 3, 6, 7};

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		load(v, order[i]);
}

void debugreg_unload(void)
{
	write_dr7(DR7_FIXED);
}

void debugreg_report(struct vcpu *v)
{
	v->pv.debugreg[6] |= read_dr6() & DR6_WRITE;
	write_dr6(DR6_FIXED);
}

uint64_t debugreg_port_hits(const struct vcpu *v, uint16_t port, unsigned size)
{
	static const uint8_t length[] = {1, 2, 8, 4}; /* by LEN */
	uint64_t enabled = v->pv.cr4 & CR4_DE ? io_enables(v->pv.debugreg[7]) : 0, hits = 0;

	for (unsigned n = 0; enabled && n < 4; n++) {
		unsigned len = length[DR7_FIELD(v->pv.debugreg[7], n) >> 2];
		uint64_t first = v->pv.debugreg[n] & ~(len - 1ul);

		if ((enabled & DR7_ENABLE(n)) && port < first + len && port + size > first)
			hits |= 1ul << n;
	}
	return hits;
}

void debugreg_bounce(struct vcpu *v, uint64_t dr6)
{
	v->pv.debugreg[6] |= dr6;
	bounce_trap(v, TRAP_DB);
	v->entry.way_back = BACK_BY_IRET; /* the instruction may have changed any register */
}

/* SPDX-License-Identifier: MIT */
/*
 * Operations of a hypercall that has several, as rows of a table: which structure is read before one runs and written after
 * it. The operations themselves see that structure and no guest memory. What is called very often is not here: it reads
 * what it needs in line.
 */
#pragma once

#include "guest/domain.h"
#include "lib/errno.h"
#include "xlat.h"

enum {
	SUB_READS = 1,     /* the structure is read first; else it begins as zeros */
	SUB_ANSWERS = 2,   /* it is written back, unless the operation failed, */
	SUB_TELLS = 4,     /* or in any case: errors are told in it */
	SUB_PRIVILEGED = 8 /* ordinary domains get -EPERM before anything is read */
};

struct sub_op {
	long (*run)(struct vcpu *v, void *arg); /* NULL: there is no such operation */
	uint8_t layout;                         /* enum xlat_struct */
	uint8_t flags;
};

/* A row: @function is long (struct vcpu *, struct @name *), which the compiler checks. */
#define SUB_OP(function, name, how)                                              \
	{                                                                        \
		(long (*)(struct vcpu *, void *))(void (*)(void))(               \
		    1 ? (function) : (long (*)(struct vcpu *, struct name *))0), \
		    XLAT_##name, how                                             \
	}

/* Run operation @cmd of the @n in @ops for @v, its structure at @arg. Its result (after -ERESTART nothing is written); -ENOSYS,
 * -EPERM, -EFAULT. */
long sub_op_run(const struct sub_op *ops, unsigned n, uint32_t cmd, struct vcpu *v, gva_t arg);

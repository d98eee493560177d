/* SPDX-License-Identifier: MIT */
/* Bits of a segment descriptor as one 64-bit word (SDM 3A 3.4.5, Segment Descriptors; system segments: 3.5), and of a
 * selector (3.4.2). */
#pragma once

#define DESC_TYPE_SHIFT 40
#define DESC_DPL_SHIFT  45
#define DESC_ACCESSED   (1ull << 40)
#define DESC_WRITABLE   (1ull << 41) /* of code: readable */
#define DESC_DOWN       (1ull << 42) /* of code: conforming */
#define DESC_CODE       (1ull << 43)
#define DESC_S          (1ull << 44) /* code or data, not a system segment */
#define DESC_DPL        (3ull << DESC_DPL_SHIFT)
#define DESC_P          (1ull << 47)
#define DESC_L          (1ull << 53) /* 64-bit code */
#define DESC_DB         (1ull << 54) /* 32 bits */
#define DESC_G          (1ull << 55) /* the limit counts pages */

#define DESC_TYPE(d)       ((d) >> DESC_TYPE_SHIFT & 0xf)
#define DESC_DPL_OF(d)     ((d) >> DESC_DPL_SHIFT & 3)
#define DESC_FOR_DPL(dpl)  ((uint64_t)(dpl) << DESC_DPL_SHIFT)
#define DESC_OF_TYPE(type) ((uint64_t)(type) << DESC_TYPE_SHIFT)
#define DESC_SYSTEM        (DESC_OF_TYPE(0xf) | DESC_S) /* its value: the type of a system segment */

/* Types of system segments. A TSS has the same in 32 and in 64 bits. */
#define DESC_LDT 0x2
#define DESC_TSS 0x9 /* available */

#define SELECTOR_RPL 3u /* the privilege asked for */
#define SELECTOR_LDT 4  /* the table: LDT, not GDT */

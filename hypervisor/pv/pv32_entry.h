/* SPDX-License-Identifier: MIT */
/* pv32: entry and return, for pv32_kind (guest/kind.h says what each does). */
#pragma once

#include "guest/abi.h"

struct callback;

extern const struct guest_abi pv32_abi;

bool pv32_in_kernel(const struct vcpu *v);
void pv32_enter(struct vcpu *v, const struct callback *to, unsigned n);
void pv32_set_cr2(struct vcpu *v, gva_t address);
void pv32_page_fault(struct vcpu *v, gva_t address, uint32_t error);
gva_t pv32_get_cr2(const struct vcpu *v);
long pv32_iret(struct vcpu *v);
int pv32_multicall(struct vcpu *v, gva_t *list, uint32_t *left);
void pv32_hypercall_join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide);
unsigned pv32_hypercall_split(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide);
void pv32_hypercall_rewind(struct vcpu *v, unsigned nr, const uint64_t *words, unsigned n);
void pv32_fill_hypercall_page(void *page);
/* Where a stack segment begins that is not one of the hypervisor's flat ones; 0 if there is none. */
gva_t pv32_stack_base_from_tables(struct vcpu *v, uint16_t ss) __rare;

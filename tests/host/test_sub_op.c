/* SPDX-License-Identifier: MIT */
/*
 * Specification: operations as rows (hypervisor/mm/sub_op.h), for guests of both layouts.
 *   numbers   a number without a row, below the last or beyond it, is -ENOSYS
 *   reads     the structure is there before the operation runs, or it does not run; one that is only answered begins as zeros
 *   answers   are written after success, in any case where the row says so, and never after -ERESTART
 *   rights    what is the machine's is refused before anything is read
 */
#include "guest_host.h"
#include "xen/memory.h"
#include "xen/sched.h"

static struct domain dom;
static struct vcpu vcpu;
static long result;

/* In pv32's layout shorter than in pv64's. */
static long look(struct vcpu *v, struct sched_poll *p)
{
	assert_ptr_equal(v, &vcpu);
	note("%lx %x %lx", (unsigned long)p->ports, p->nr_ports, (unsigned long)p->timeout);
	p->ports = 0x1111;
	p->nr_ports++;
	p->timeout = 0x222222222;
	return result;
}

/* One field of several: the others must not be the stack's. */
static long answer(struct vcpu *v, struct xen_machphys_mapping *m)
{
	m->max_mfn = 77;
	return result;
}

static const struct sub_op ops[] = {
    [1] = SUB_OP(look, sched_poll, SUB_READS),
    [2] = SUB_OP(look, sched_poll, SUB_READS | SUB_ANSWERS),
    [4] = SUB_OP(look, sched_poll, SUB_READS | SUB_TELLS),
    [5] = SUB_OP(answer, xen_machphys_mapping, SUB_ANSWERS),
    [6] = SUB_OP(look, sched_poll, SUB_PRIVILEGED | SUB_READS | SUB_ANSWERS),
};

static long run(uint32_t cmd, gva_t arg)
{
	return sub_op_run(ops, ARRAY_SIZE(ops) - 1, cmd, &vcpu, arg);
}

static struct sched_poll given(void)
{
	struct sched_poll p;

	guest_get(&p, guest_memory(), sched_poll);
	return p;
}

static void give(void)
{
	const struct sched_poll p = {.ports = 0x7000, .nr_ports = 3, .timeout = 0x333333333};

	assert_int_equal(guest_put(guest_memory(), &p, sched_poll), 0);
}

static void with_kind(const struct guest_abi *kind)
{
	guest_memory();
	dom.abi = kind;
	vcpu.domain = &dom;
	host_percpu.vcpu = &vcpu;
	result = 0;
}

static void numbers(void **state)
{
	with_kind(&guest_pv64);
	give();
	assert_int_equal(run(0, guest_memory()), -ENOSYS);
	assert_int_equal(run(3, guest_memory()), -ENOSYS);
	assert_int_equal(run(6, guest_memory()), -ENOSYS); /* as long as the table is said to be */
	assert_int_equal(run(~0u, guest_memory()), -ENOSYS);
	assert_done("");
}

static void reads_and_answers(void **state)
{
	static const long results[] = {0, 5, -EINVAL, -ERESTART};
	const struct guest_abi *const kinds[] = {&guest_pv64, &guest_pv32};

	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
		for (unsigned i = 0; i < ARRAY_SIZE(results); i++)
			for (uint32_t cmd = 1; cmd <= 4; cmd += cmd) {
				bool written =
				    results[i] != -ERESTART && (cmd == 4 || (cmd == 2 && results[i] >= 0));

				with_kind(kinds[k]);
				give();
				result = results[i];
				assert_int_equal(run(cmd, guest_memory()), results[i]);
				assert_done("7000 3 333333333;");
				assert_int_equal(given().nr_ports, written ? 4 : 3);
				assert_int_equal(given().ports, written ? 0x1111 : 0x7000);
				assert_int_equal(given().timeout, written ? 0x222222222 : 0x333333333);
			}
	assert_int_equal(run(2, NOWHERE), -EFAULT);
	assert_int_equal(run(2, NOWHERE - 4), -EFAULT);
	assert_done("");
}

static void answers_begin_as_zeros(void **state)
{
	struct xen_machphys_mapping m;

	with_kind(&guest_pv64);
	memset(guest_base, 0xcc, 64);
	assert_int_equal(run(5, guest_memory()), 0);
	assert_int_equal(guest_get(&m, guest_memory(), xen_machphys_mapping), 0);
	assert_int_equal(m.max_mfn, 77);
	assert_int_equal(m.v_start, 0);
	assert_int_equal(m.v_end, 0);
	assert_int_equal(run(5, NOWHERE), -EFAULT);
}

static void who(void **state)
{
	with_kind(&guest_pv64);
	give();
	dom.privileged = false;
	assert_int_equal(sub_op_run(ops, ARRAY_SIZE(ops), 6, &vcpu, guest_memory()), -EPERM);
	assert_int_equal(sub_op_run(ops, ARRAY_SIZE(ops), 6, &vcpu, NOWHERE), -EPERM);
	assert_done("");
	dom.privileged = true;
	assert_int_equal(sub_op_run(ops, ARRAY_SIZE(ops), 6, &vcpu, guest_memory()), 0);
	assert_done("7000 3 333333333;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(reads_and_answers),
	    cmocka_unit_test(answers_begin_as_zeros),
	    cmocka_unit_test(who),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

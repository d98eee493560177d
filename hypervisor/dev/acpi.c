/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI specification 6.4: 5.2.5 RSDP, 5.2.7 RSDT, 5.2.9 FADT, 5.2.12 MADT; PCI Firmware Specification 3.3, 4.1.2,
 * MCFG). Only what a hypervisor without an AML interpreter needs; \_S5 is recognised by its bytes. Tables are checked by length
 * and checksum before use and are read before mm_init through the early map, which ends at 4 GiB.
 */
#include "dev/acpi.h"
#include "lib/loglevel.h"
#include "lib/string.h"
#include "mm/page.h"

#define EARLY_MAP_END 0x100000000ull
#define LAPIC_DEFAULT 0xfee00000ull
#define MADT_ENABLED  0x1        /* processor flags */
#define FADT_RESET    (1u << 10) /* fixed feature flags */
#define SPACE_IO      1

struct acpi_info acpi = {.lapic_address = LAPIC_DEFAULT};

struct __packed rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length; /* from here on revision 2 */
	uint64_t xsdt;
};

struct __packed table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
	uint8_t body[];
};

struct __packed fadt {
	struct table header;
	uint32_t facs, dsdt;
	uint8_t reserved, profile;
	uint16_t sci_irq;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t lengths[8];
	uint16_t latency[2], flush[2];
	uint8_t duty[2], day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	uint8_t reset_space, reset_bits, reset_offset, reset_access;
	uint64_t reset_address;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs, x_dsdt; /* from here on revision 2 */
};
_Static_assert(offsetof(struct fadt, century) == 108 && offsetof(struct fadt, flags) == 112 &&
		   offsetof(struct fadt, x_dsdt) == 140,
	       "ACPI 6.4, table 5.9");

/* Fields lie on any boundary. */
static uint64_t field(const void *p, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

static bool sums_to_zero(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (n--)
		sum += *b++;
	return !sum;
}

static const struct rsdp *scan(paddr_t from, paddr_t to)
{
	for (paddr_t p = from; p < to; p += 16) {
		const struct rsdp *r = paddr_to_virt(p);

		if (!memcmp(r->signature, "RSD PTR ", 8) && sums_to_zero(r, 20))
			return r;
	}
	return NULL;
}

/* 5.2.5.1: the first KiB of the extended BIOS data area, then the BIOS area. */
static const struct rsdp *find_rsdp(void)
{
	paddr_t ebda = field(paddr_to_virt(0x40e), 2) << 4;
	const struct rsdp *r = NULL;

	if (ebda >= 0x80000 && ebda < 0xa0000)
		r = scan(ebda, ebda + 1024);
	return r ? r : scan(0xe0000, 0x100000);
}

static const struct table *table_at(paddr_t p)
{
	const struct table *t = paddr_to_virt(p);

	if (p >= EARLY_MAP_END) {
		log_warning("ACPI: the table at %lx is out of reach and not read\n", p);
		return NULL;
	}
	if (!p || p + sizeof(*t) > EARLY_MAP_END || t->length < sizeof(*t) || t->length > (1 << 20) ||
	    p + t->length > EARLY_MAP_END || !sums_to_zero(t, t->length))
		return NULL;
	return t;
}

static void add_cpu(uint32_t flags, uint32_t apic_id, uint32_t uid)
{
	if ((flags & MADT_ENABLED) && acpi.cpu_count < ARRAY_SIZE(acpi.cpu))
		acpi.cpu[acpi.cpu_count++] = (struct acpi_cpu){.apic_id = apic_id, .uid = uid};
}

static void parse_madt_entry(const uint8_t *e)
{
	switch (e[0]) {
	case 0: /* processor local APIC */
		add_cpu(field(e + 4, 4), e[3], e[2]);
		break;
	case 9: /* processor local x2APIC */
		add_cpu(field(e + 8, 4), field(e + 4, 4), field(e + 12, 4));
		break;
	case 1: /* I/O APIC */
		if (acpi.ioapic_count < ARRAY_SIZE(acpi.ioapic))
			acpi.ioapic[acpi.ioapic_count++] =
			    (struct acpi_ioapic){.address = field(e + 4, 4), .gsi_base = field(e + 8, 4)};
		break;
	case 2: /* interrupt source override */
		if (acpi.override_count < ARRAY_SIZE(acpi.override))
			acpi.override[acpi.override_count++] = (struct acpi_irq_override){
			    .isa_irq = e[3], .gsi = field(e + 4, 4), .flags = field(e + 8, 2)};
		break;
	case 5: /* local APIC address override */
		acpi.lapic_address = field(e + 4, 8);
	}
}

static void parse_madt(const struct table *t)
{
	const uint8_t *e = t->body + 8, *end = (const uint8_t *)t + t->length;

	acpi.lapic_address = field(t->body, 4);
	for (; e + 2 <= end && e[1] >= 2 && e + e[1] <= end; e += e[1])
		parse_madt_entry(e);
}

/* Entries of 16 bytes, behind 8 that are reserved. */
static void parse_mcfg(const struct table *t)
{
	const uint8_t *e = t->body + 8, *end = (const uint8_t *)t + t->length;

	for (; e + 16 <= end && acpi.mmconfig_count < ARRAY_SIZE(acpi.mmconfig); e += 16)
		acpi.mmconfig[acpi.mmconfig_count++] = (struct acpi_mmconfig){
		    .address = field(e, 8), .segment = field(e + 8, 2), .start_bus = e[10], .end_bus = e[11]};
}

/* A package element: ZeroOp, OneOp, or BytePrefix and a byte (20.2.3). */
static uint8_t aml_small_integer(const uint8_t **p)
{
	uint8_t op = *(*p)++;

	return op == 0x0a ? *(*p)++ : op;
}

/* Name (_S5_, Package () { SLP_TYPa, SLP_TYPb, ... }): 08 [5c] "_S5_" 12 PkgLength NumElements. */
static void find_s5(const struct table *dsdt)
{
	const uint8_t *p = dsdt->body, *end = (const uint8_t *)dsdt + dsdt->length - 16;

	for (; p < end; p++) {
		const uint8_t *q = p + 5;

		if (memcmp(p, "_S5_", 4) || p[4] != 0x12 || (p[-1] != 0x08 && p[-2] != 0x08))
			continue;
		q += (*q >> 6) + 2; /* PkgLength's top bits tell how many more bytes it has; then the count */
		acpi.s5_type_a = aml_small_integer(&q) & 7;
		acpi.s5_type_b = aml_small_integer(&q) & 7;
		acpi.s5_valid = true;
		return;
	}
}

static void parse_fadt(const struct table *t)
{
	const struct fadt *f = (const struct fadt *)t;
	bool wide = !f->dsdt && t->length >= offsetof(struct fadt, x_dsdt) + sizeof(f->x_dsdt);
	const struct table *dsdt = table_at(wide ? f->x_dsdt : f->dsdt);

	acpi.sci_irq = f->sci_irq;
	acpi.pm1a_control = (uint16_t)f->pm1a_control;
	acpi.pm1b_control = (uint16_t)f->pm1b_control;
	acpi.pm_timer = (uint16_t)f->pm_timer;
	acpi.century = f->century;
	if (t->length > offsetof(struct fadt, reset_value) && (f->flags & FADT_RESET) &&
	    f->reset_space == SPACE_IO) {
		acpi.reset_valid = true;
		acpi.reset_port = (uint16_t)f->reset_address;
		acpi.reset_value = f->reset_value;
	}
	if (dsdt)
		find_s5(dsdt);
}

static void parse_table(paddr_t p)
{
	const struct table *t = table_at(p);

	if (!t)
		return;
	if (!memcmp(t->signature, "APIC", 4))
		parse_madt(t);
	else if (!memcmp(t->signature, "MCFG", 4))
		parse_mcfg(t);
	else if (!memcmp(t->signature, "FACP", 4) && t->length >= offsetof(struct fadt, flags))
		parse_fadt(t);
}

void acpi_init(void)
{
	const struct rsdp *r = find_rsdp();
	const struct table *root = NULL;
	bool wide = r && r->revision >= 2 && r->xsdt && r->xsdt < EARLY_MAP_END;

	if (r)
		root = table_at(wide ? r->xsdt : r->rsdt);
	if (!root) {
		log_warning("ACPI: no tables; one processor, and no power-off\n");
		return;
	}
	acpi.present = true;
	for (const uint8_t *e = root->body; e < (const uint8_t *)root + root->length; e += wide ? 8 : 4)
		parse_table(field(e, wide ? 8 : 4));
	log_info("ACPI: %u CPUs, %u I/O APICs, PM timer %s, soft off %s\n", acpi.cpu_count, acpi.ioapic_count,
		 acpi.pm_timer ? "yes" : "no", acpi.s5_valid ? "yes" : "no");
}

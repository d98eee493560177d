# SPDX-License-Identifier: MIT
"""The hypervisor's structures as it keeps them: processors, domains, vCPUs, frames."""

import gdb

from ringlet.target import (MASK, PAGE, entry_at, fail, hypervisor, hypervisor_is_there, need_hypervisor, privilege, read_physical,
                            register)

PTE_ADDR = 0x000ffffffffff000
PTE_P, PTE_PS = 1, 0x80
NO_PFN = 0xffffffff  # the end of both forms of INVALID_PFN
PAGE_TYPES = ("none", "L1", "L2", "L3", "L4", "descriptors", "writable")


def member(kind, field):
    """Offset of a field in a structure, in bytes."""
    for f in kind.strip_typedefs().fields():
        if f.name == field:
            return f.bitpos // 8
    raise KeyError(field)


def processors():
    """All struct percpu, by number."""
    table = hypervisor("cpu_table")
    return [table[i].dereference() for i in range(int(hypervisor("nr_cpus"))) if int(table[i])]


def processor():
    """struct percpu of the selected processor; None while it has none. In the hypervisor GS_BASE names it; while a guest
    runs, and for a few instructions at each entry, KERNEL_GS_BASE does."""
    if not hypervisor_is_there():
        return None
    by_address = {int(p.address): p for p in processors()}
    for name in ("gs_base", "k_gs_base") if privilege() == 0 else ("k_gs_base",):
        if register(name) in by_address:
            return by_address[register(name)]
    return None


def current():
    """struct vcpu of the selected processor; None: it idles, or has none yet."""
    cpu = processor()
    if cpu is None or not int(cpu["vcpu"]) or int(cpu["vcpu"]) == int(cpu["idle"]):
        return None
    return cpu["vcpu"].dereference()


def need_current():
    need_hypervisor()
    v = current()
    if v is None:
        fail("This processor runs no guest: it idles, or is starting. `current all` shows the others.")
    return v


def domains():
    head = hypervisor("domain_list").address
    kind = hypervisor("dom0").type.target()
    offset = member(kind, "link")
    at = hypervisor("domain_list")["next"]
    while int(at) and int(at) != int(head):
        yield gdb.Value(int(at) - offset).cast(kind.pointer()).dereference()
        at = at["next"]


def domain_named(text):
    """The domain that a user calls 3 or d3."""
    digits = text[1:] if text.startswith("d") else text
    if not digits.isdigit():
        fail("%s is no domain: write its number, as 0 or d0. `domains` lists them." % text)
    for d in domains():
        if int(d["id"]) == int(digits):
            return d
    return fail("There is no domain %s. `domains` lists them." % digits)


def vcpus(d):
    for i in range(int(d["max_vcpus"])):
        if int(d["vcpu"][i]):
            yield d["vcpu"][i].dereference()


def vcpu_named(text):
    """The vCPU that a user calls d3v0."""
    domain, v, number = text.partition("v")
    if not v or not number.isdigit():
        fail("%s is no vCPU: write it as d0v1. `vcpus` lists them." % text)
    for candidate in vcpus(domain_named(domain)):
        if int(candidate["id"]) == int(number):
            return candidate
    return fail("Domain %s has no vCPU %s. `vcpus` lists them." % (domain, number))


def name_of(v):
    return "d%dv%d" % (int(v["domain"]["id"]), int(v["id"]))


def kind_of(v):
    """pv64, pv32 or fv."""
    return v["domain"]["kind"]["name"].string()


def in_kernel(v, cs):
    """Does, or did, its kernel run, rather than an application, with code selector @cs?"""
    return not bool(v["entry"]["user_mode"]) if kind_of(v) == "pv64" else cs & 3 != 3


def owner_name(owner):
    """Of a frame: d3, or one of the domains that no guest is."""
    number = int(owner["id"])
    return {0x7ff1: "DOMID_IO", 0x7ff2: "DOMID_XEN"}.get(number, "d%d" % number)


def page_info(mfn):
    """struct page_info of a frame of RAM; None: @mfn is none."""
    return hypervisor("frame_table")[mfn] if mfn < int(hypervisor("max_mfn")) else None


def pfn_of(mfn):
    """What the frame's owner says it is; None: nothing."""
    if mfn >= int(hypervisor("max_mfn")):
        return None
    pfn = int(hypervisor("m2p")[mfn]) & MASK
    return None if pfn & NO_PFN == NO_PFN else pfn


def describe_mfn(mfn):
    """In a few words, for `walk`: owner, pfn and type."""
    page = page_info(mfn)
    if page is None:
        return "beyond RAM"
    if not int(page["owner"]) or not int(page["count"]):
        return "the hypervisor's"
    pfn = pfn_of(mfn)
    kind = int(page["type"]) >> 56 & 15
    return "%s%s%s" % (owner_name(page["owner"]), "" if pfn is None else " pfn %x" % pfn,
                       "" if not int(page["type"]) & 0xffffffff else " " + PAGE_TYPES[kind])


def levels_of(cr3, va, levels, size):
    """Walk from @cr3: (level, slot, mfn of the table, entry) for each level that is reached; entry None: no memory."""
    table = cr3 & (PTE_ADDR if levels == 4 else 0xffffffe0 if size == 8 else 0xfffff000)
    bits = 9 if size == 8 else 10
    for level in range(levels, 0, -1):
        slot = va >> (12 + bits * (level - 1)) & ((1 << bits) - 1)
        entry = entry_at(table, slot, size)
        yield level, slot, table // PAGE, entry
        if entry is None or not entry & PTE_P or (1 < level < 4 and entry & PTE_PS and not (levels == 3 and level == 3)):
            return
        table = entry & PTE_ADDR


def translate(cr3, va, levels=4, size=8):
    """Physical address of @va, or None."""
    level = entry = None
    for level, _, _, entry in levels_of(cr3, va, levels, size):
        pass
    if entry is None or not entry & PTE_P:
        return None
    span = 1 << (12 + (9 if size == 8 else 10) * (level - 1))
    return (entry & PTE_ADDR & ~(span - 1)) | (va & (span - 1))


def read_guest(v, va, length):
    """Memory of a guest's kernel, whichever page tables are in force; None: not mapped. Within one page."""
    pa = translate(int(v["mm"]["kernel_cr3"]), va)
    return None if pa is None else read_physical(pa, length)

# SPDX-License-Identifier: MIT
"""Backtraces that go on where a ring ends: from the hypervisor's handler to the guest's code that entered it, and from a
guest's kernel to its application. Compilers describe C functions; what the assembly at each border saves, and where, stands
here: struct cpu_user_regs of the current vCPU (hypervisor/entry/frame.inc), struct trapframe of the teaching kernel."""

import struct

import gdb
from gdb.FrameDecorator import FrameDecorator
from gdb.unwinder import Unwinder

from ringlet import kernels, model
from ringlet.target import IMAGE, IMAGE_END, MASK, RING0_END, hypervisor, read_virtual

REGISTERS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi")
TRAP64 = REGISTERS + ("trapno", "error", "rip", "cs", "eflags", "rsp", "ss")
TRAP32 = ("rdi", "rsi", "rbp", "unused", "rbx", "rdx", "rcx", "rax", "gs", "fs", "es", "ds", "trapno", "error", "rip", "cs",
          "eflags", "rsp", "ss")
# Labels that call C functions before the guest's registers are saved (trace hooks), or with nothing behind them.
BLIND = ("app_syscall_crossing", "iret_crossing", "iret32_crossing", "idle_loop")
NESTED = ("from_hypervisor", "paranoid_entry")  # the frame lies on the stack, and RSP points at it
OUTERMOST = ("machine_start",)  # called by the assembly that a kernel begins with
SAVED32 = ("rbx", "rsi", "rdi")  # a 32-bit function has saved them, nobody here knows where: `<optimized out>` is honest
KERNEL32 = 0xc0000000
KERNEL64 = 0xffffffff80000000
HYPERCALL_PAGE, USER_COPY = "hypercall_page", "user_copy"  # assembly that has a caller


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = gdb.Value(sp).cast(WORD), gdb.Value(pc).cast(WORD)


WORD = gdb.selected_inferior().architecture().integer_type(64, False)


def word_at(address, size):
    data = read_virtual(address, size)
    return None if data is None else int.from_bytes(data, "little")


def after_call(pc):
    """Is the instruction before @pc a call, direct or through a table? Then the registers of the caller are saved."""
    code = read_virtual(pc - 5, 5)
    return code is not None and (code[0] == 0xe8 or code[1:3] == b"\x41\xff" or code[2:3] == b"\xff")


def trap_frame(at, names, size):
    data = read_virtual(at, len(names) * size)
    if data is None:
        return None
    words = dict(zip(names, struct.unpack("<%d%s" % (len(names), "Q" if size == 8 else "I"), data)))
    if size == 4 and words["cs"] & 3 != 3:  # from the kernel itself: neither SP nor SS was pushed
        words["rsp"] = at + 4 * names.index("rsp")
    return {name: words[name] for name in names if name in REGISTERS + ("rip", "rsp")}


def kernel32_caller(pc, sp, bp):
    """The caller's registers, of code of a 32-bit kernel: it has frame pointers, and gdb would read its tables as if it had
    64-bit registers. {}: it has no caller."""
    name, offset = kernels.label(pc)
    if not name or name in OUTERMOST:
        return {}
    if kernels.label(pc - 1)[0] == "trap_common" and after_call(pc):
        return trap_frame(sp + 4, TRAP32, 4)
    if name == HYPERCALL_PAGE or name.startswith(USER_COPY):
        sp += 0 if name == HYPERCALL_PAGE else 4 * min(offset, 2) if name == USER_COPY else 8  # it pushes EDI and ESI
        return {"rip": word_at(sp, 4) or 0, "rsp": sp + 4}
    if offset == 0:
        return {"rip": word_at(sp, 4) or 0, "rsp": sp + 4, "cfa": sp + 4}
    if offset == 1:
        bp = sp
    return {"rip": word_at(bp + 4, 4) or 0, "rsp": bp + 8, "cfa": bp + 8, "rbp": word_at(bp, 4) or 0}


class Rings(Unwinder):
    """Asked for each frame before gdb's own unwinders; None leaves it to them."""

    def __init__(self):
        super().__init__("ringlet")

    def __call__(self, pending):
        try:
            return self.unwind(pending)
        except (gdb.error, gdb.GdbError, gdb.MemoryError):
            return None

    def unwind(self, pending):
        pc, sp, bp = (int(pending.read_register(name)) & MASK for name in ("rip", "rsp", "rbp"))
        found = None
        if IMAGE <= pc < IMAGE_END:
            found = self.hypervisor(pending, pc, sp)
        elif pc >= KERNEL64:
            found = self.kernel64(pc, sp)
        elif KERNEL32 <= pc < 1 << 32 and kernels.loaded[32]:
            found = kernel32_caller(pc, sp, bp)
        else:
            found = {}  # an application, or a kernel without symbols: nobody knows how it keeps its frames
        return None if found is None else self.frame(pending, sp, pc, found)

    @staticmethod
    def frame(pending, sp, pc, found):
        """@found: the caller's registers as far as they differ; none: nobody called. By what names a frame (cfa: the stack
        pointer before the call) gdb finds a C function's arguments."""
        info = pending.create_unwind_info(FrameId(found.get("cfa", sp), pc))
        for name in ("rip", "rsp"):
            found.setdefault(name, 0)
        for name in REGISTERS + ("rip", "rsp", "gs_base", "k_gs_base"):
            if name not in found and "cfa" in found and name in SAVED32:
                continue
            try:
                value = found[name] if name in found else int(pending.read_register(name))
            except gdb.error:
                continue  # a frame nearer to the top did not know it
            info.add_saved_register(name, gdb.Value(value & MASK).cast(WORD))
        return info

    @staticmethod
    def regs(regs):
        regs.fetch_lazy()  # in one piece
        return {name: int(regs[name]) for name in REGISTERS + ("rip", "rsp")}

    def hypervisor(self, pending, pc, sp):
        if kernels.in_c(pc - 1) and kernels.in_c(pc) and kernels.label(pc)[0] not in BLIND:
            return None
        name, _ = kernels.label(pc - after_call(pc))
        if name in BLIND:
            return {}
        if name in NESTED and after_call(pc):
            return self.regs(self.cast_regs(sp))
        cpu = self.processor(pending)
        if cpu is None or sp != int(cpu["stack_top"]) or not after_call(pc):
            return None
        return self.regs(cpu["vcpu"]["regs"]) if int(cpu["vcpu"]) != int(cpu["idle"]) else {}

    @staticmethod
    def cast_regs(address):
        vcpu = next(f.type.target() for f in hypervisor("cpu_table").type.target().target().fields() if f.name == "vcpu")
        regs = next(f.type for f in vcpu.fields() if f.name == "regs")
        return gdb.Value(address).cast(regs.pointer()).dereference()

    @staticmethod
    def processor(pending):
        """struct percpu of the processor whose stack this is; the hypervisor's GS_BASE lies in its direct map or image."""
        base = int(pending.read_register("gs_base")) & MASK
        if not IMAGE <= base < RING0_END:
            return None
        cpu = gdb.Value(base).cast(hypervisor("cpu_table")[0].type).dereference()
        cpu.fetch_lazy()
        return cpu if int(cpu["self"]) == base else None

    def kernel64(self, pc, sp):
        if kernels.in_c(pc) and kernels.in_c(pc - 1) and kernels.label(pc)[0] not in OUTERMOST:
            return None
        name, _ = kernels.label(pc)
        if not name or name in OUTERMOST:
            return {}
        if name == HYPERCALL_PAGE or name.startswith(USER_COPY):
            # Where the return address is: RCX and R11 are pushed.
            at = {0: 0, 1: 8, 12: 8, 13: 0}.get(pc % 32, 16) if name == HYPERCALL_PAGE else 0
            return {"rip": word_at(sp + at, 8) or 0, "rsp": sp + at + 8}
        if kernels.label(pc - 1)[0] == "trap_common" and after_call(pc):
            return trap_frame(sp, TRAP64, 8)
        return None

def place(pc):
    """Which part of the machine code at @pc belongs to."""
    if IMAGE <= pc < IMAGE_END:
        return "hypervisor"
    return "kernel" if pc >= KERNEL64 or KERNEL32 <= pc < 1 << 32 else "application"


class Marked(FrameDecorator):
    """A frame with the name that people gave its code; a guest's with the part of the guest before it."""

    def __init__(self, frame, mark):
        super().__init__(frame)
        self.mark = mark

    def function(self):
        name = super().function()
        if not isinstance(name, str) or name.startswith("."):  # assembly: no function, or a label of a macro
            frame = self.inferior_frame()
            name = kernels.label(frame.pc() - (1 if frame.level() else 0))[0]  # a call may be a function's last instruction
        return "%s%s" % (self.mark, name or "?")


class Below(FrameDecorator):
    """A frame of a 32-bit kernel below the hypervisor's. gdb itself goes no further than the first of them, since the stack
    lies lower than the hypervisor's: so such a frame has no number, and cannot be selected."""

    def __init__(self, base, pc, mark):
        super().__init__(base)
        self.pc, self.mark, self.sal = pc, mark, gdb.find_pc_line(pc - 1)

    def address(self):
        return self.pc

    def function(self):
        names, block = [], gdb.block_for_pc(self.pc - 1)
        while block is not None:  # inlined ones first
            names += [block.function.name] if block.function is not None else []
            block = block.superblock
        return "%s: %s" % (self.mark, " in ".join(names) or kernels.label(self.pc - 1)[0] or "?")

    def filename(self):
        return self.sal.symtab.filename if self.sal.symtab else None

    def line(self):
        return self.sal.line if self.sal.symtab else None

    def frame_args(self):
        return None

    def frame_locals(self):
        return None


MOST_BELOW = 64


def below(frame, guest):
    """What follows the last frame that gdb found, the first of a 32-bit kernel."""
    pc, sp, bp = (int(frame.read_register(name)) & MASK for name in ("rip", "rsp", "rbp"))
    for _ in range(MOST_BELOW):
        caller = kernel32_caller(pc, sp, bp)
        pc, sp, bp = (caller.get(name, 0) if name != "rbp" else caller.get(name, bp) for name in ("rip", "rsp", "rbp"))
        if not pc:
            return
        yield Below(frame, pc, guest + place(pc))
        if place(pc) != "kernel":
            return


class Marks:
    """The frame filter. The hypervisor's frames stay as they are; each of a guest says whose it is."""

    def __init__(self):
        self.name, self.priority, self.enabled = "ringlet", 100, True
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        try:
            v = model.current()
        except (gdb.error, gdb.GdbError):
            v = None
        guest = model.name_of(v) + " " if v is not None else ""
        last = None
        for f in frames:
            if not f.inferior_frame().pc():
                continue  # nobody called
            entered, last = last is not None and place(last.pc()) == "hypervisor", f.inferior_frame()
            where = place(last.pc())
            if entered and v is not None and where != "hypervisor":  # its first frame: a kernel may lie anywhere
                where = "kernel" if model.in_kernel(v, int(v["regs"]["cs"])) else "application"
            yield Marked(f, "" if where == "hypervisor" else "%s%s: " % (guest, where))
        if last is not None and last.level() and KERNEL32 <= last.pc() < 1 << 32 and last.older() is None and \
                place(last.newer().pc()) == "hypervisor":
            yield from below(last, guest)


def register_all():
    gdb.unwinder.register_unwinder(None, Rings(), replace=True)
    Marks()

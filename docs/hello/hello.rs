// SPDX-License-Identifier: MIT
//! A whole pv64 guest in one file, without any crate: it greets, waits for its timer, and powers itself off. Numbers and
//! structures are those of Xen's public interface; behind each stands the header that has it.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

// What the builder wants to know (xen/elfnote.h), and where the guest begins: RSI has the address of start_info.
global_asm!(
    ".macro NOTE type, size, value:vararg",
    "	.long 4, 771f - 770f, \\type",
    "	.asciz \"Xen\"",
    "770: \\size \\value",
    "771: .balign 4",
    ".endm",
    ".pushsection .note.xen, \"a\", @note",
    "	NOTE 6, .asciz, \"hello\"", // XEN_ELFNOTE_GUEST_OS
    "	NOTE 5, .asciz, \"xen-3.0\"", // XEN_ELFNOTE_XEN_VERSION
    "	NOTE 8, .asciz, \"generic\"", // XEN_ELFNOTE_LOADER
    "	NOTE 3, .quad, 0", // XEN_ELFNOTE_VIRT_BASE: where its memory begins
    "	NOTE 1, .quad, start", // XEN_ELFNOTE_ENTRY
    "	NOTE 2, .quad, hypercall_page", // XEN_ELFNOTE_HYPERCALL_PAGE: filled by the builder
    ".popsection",
    ".globl start",
    "start:	lea rsp, [rip + stack_top]",
    "	mov rdi, rsi",
    "	call hello",
    ".pushsection .bss",
    ".balign 4096",
    "hypercall_page: .skip 4096",
    ".skip 8192",
    "stack_top:",
    ".popsection",
);

// Hypercalls (xen/xen.h) and their commands (xen/event_channel.h, xen/sched.h).
const UPDATE_VA_MAPPING: usize = 14;
const SET_TIMER: usize = 15;
const CONSOLE_IO: usize = 18; // 0: write
const SCHED: usize = 29;
const SHUTDOWN: u64 = 2; // its reason 0: poweroff
const POLL: u64 = 3;
const EVENT_CHANNEL: usize = 32;
const BIND_VIRQ: u64 = 1; // its VIRQ 0: the timer
const SEND: u64 = 4;

#[repr(C)]
pub struct StartInfo {
    magic: [u8; 32],
    pages: u64,
    shared_info: u64,
    flags: u32, // bit 1: Dom0
    store: [u64; 2],
    console: u64, // the frame of its ring, and the port
    console_port: u32,
}

#[repr(C, align(4096))]
struct SharedInfo {
    other: [u64; 6],
    system_time: u64, // vcpu_info[0].time
    rest: [u64; 249],
    pending: [AtomicU64; 64],
}

#[repr(C, align(4096))]
struct Ring {
    input: [u8; 1024], // xencons_interface (xen/io/console.h)
    out: [u8; 2048],
    in_at: [u32; 2],
    out_cons: AtomicU32,
    out_prod: AtomicU32,
}

// Two pages of the guest's own addresses; what is mapped there is chosen at run time.
#[repr(C, align(4096))]
struct Page([u8; 4096]);
static mut SHARED: Page = Page([0; 4096]);
static mut RING: Page = Page([0; 4096]);

/// Each hypercall has 32 bytes of the page. Its arguments go where a system call's would.
unsafe fn hypercall(number: usize, a: u64, b: u64, c: u64) -> i64 {
    extern "C" {
        static hypercall_page: [u8; 4096];
    }
    let rc: i64;
    asm!("call {}", in(reg) addr_of!(hypercall_page) as usize + 32 * number, inout("rdi") a => _, inout("rsi") b => _,
         inout("rdx") c => _, out("rax") rc, out("rcx") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    rc
}

/// Map a machine address at a page: present, writable, user (a pv64 kernel runs in ring 3); flush that address.
unsafe fn map<T>(page: *mut Page, machine: u64) -> *mut T {
    hypercall(UPDATE_VA_MAPPING, page as u64, machine | 7, 2);
    page as *mut T
}

struct Guest {
    shared: *mut SharedInfo,
    ring: *mut Ring,
    console_port: u32, // 0: there is no ring, as in Dom0
}

impl Guest {
    /// Text to the hypervisor's log, where it lets us (Debian's Xen lets Dom0 alone), and to the console's ring, which
    /// holds all that this guest ever says. The ring's index goes up once the characters are there.
    unsafe fn say(&self, text: &[u8]) {
        hypercall(CONSOLE_IO, 0, text.len() as u64, text.as_ptr() as u64);
        if self.console_port == 0 {
            return;
        }
        let mut at = (*self.ring).out_prod.load(Relaxed);
        for letter in text {
            write_volatile((addr_of_mut!((*self.ring).out) as *mut u8).add(at as usize % 2048), *letter);
            at = at.wrapping_add(1);
        }
        (*self.ring).out_prod.store(at, Release);
        hypercall(EVENT_CHANNEL, SEND, addr_of!(self.console_port) as u64, 0);
    }

    unsafe fn say_number(&self, mut n: u64) {
        let mut text = [0u8; 20];
        let mut used = 0;
        for digit in text.iter_mut().rev() {
            *digit = b'0' + (n % 10) as u8;
            used += 1;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.say(core::slice::from_raw_parts(text.as_ptr().add(20 - used), used));
    }

    /// Sleep until the timer's event comes, `ns` from when the hypervisor last wrote the time (Xen's own tick of 10 ms comes
    /// by this port too), and forget it. A guest that wants upcalls instead registers a callback and clears masks; this one
    /// leaves them set.
    unsafe fn sleep(&self, port: u32, ns: u64) {
        let poll: [u64; 3] = [addr_of!(port) as u64, 1, 0]; // struct sched_poll: ports, how many, until when (0: however long)
        hypercall(SET_TIMER, read_volatile(addr_of!((*self.shared).system_time)) + ns, 0, 0);
        hypercall(SCHED, POLL, poll.as_ptr() as u64, 0);
        let word = (addr_of!((*self.shared).pending) as *const AtomicU64).add(port as usize / 64);
        (*word).fetch_and(!(1 << (port % 64)), SeqCst);
    }
}

#[no_mangle]
pub unsafe extern "C" fn hello(start: *const StartInfo) {
    let shared = map(addr_of_mut!(SHARED), (*start).shared_info);
    let mut guest = Guest { shared, ring: core::ptr::null_mut(), console_port: 0 };
    if (*start).flags & 2 == 0 {
        guest.ring = map(addr_of_mut!(RING), (*start).console << 12);
        guest.console_port = (*start).console_port;
    }
    guest.say(b"Hello from Rust, a guest of ");
    let magic = &(*start).magic;
    guest.say(magic.split(|letter| *letter == 0).next().unwrap_or(magic));
    guest.say(b", with ");
    guest.say_number((*start).pages);
    guest.say(b" pages\r\n");

    let mut virq = [0u32; 3]; // struct evtchn_bind_virq: VIRQ_TIMER, vCPU 0, and the port, which is the answer
    hypercall(EVENT_CHANNEL, BIND_VIRQ, virq.as_mut_ptr() as u64, 0);
    let port = read_volatile(&virq[2]);
    guest.sleep(port, 100_000_000);
    guest.say(b"The timer's event came by port ");
    guest.say_number(port.into());
    guest.say(b"; goodbye\r\n");

    // Until somebody has read all.
    while !guest.ring.is_null() && (*guest.ring).out_cons.load(Relaxed) != (*guest.ring).out_prod.load(Relaxed) {
        guest.sleep(port, 10_000_000);
    }
    let poweroff = 0u32; // struct sched_shutdown
    hypercall(SCHED, SHUTDOWN, addr_of!(poweroff) as u64, 0);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

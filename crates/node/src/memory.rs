//! How this process gives memory back.

use napi_derive::napi;

/// Lets the allocator hand every freed buffer of 256 KiB or more straight back to the system.
///
/// glibc raises that bound to 32 MiB by itself as large buffers come and go, and then keeps what they leave behind: a
/// run peaks about 70 MiB higher (bench: "peak RSS"). It is the whole process's setting, so that only a program that
/// is ours alone should ask for it. Does nothing where there is no glibc.
#[napi]
pub fn return_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two integers and may be called at any time; glibc guards it with its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10);
    }
}

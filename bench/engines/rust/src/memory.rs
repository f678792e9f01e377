//! Resident memory as the kernel counts it.

use crate::protocol::{Answer, Result, failed, unsupported};

const STATUS: &str = "/proc/self/status";

pub fn measure() -> Result<Answer> {
    let status = std::fs::read_to_string(STATUS)
        .map_err(|error| unsupported(format!("memory: {STATUS}: {error}")))?;
    Ok(Answer::Memory {
        resident: bytes(&status, "VmRSS:")?,
        peak: bytes(&status, "VmHWM:")?,
    })
}

/// `VmRSS:     1234 kB` in bytes.
fn bytes(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let kibibytes =
        kibibytes.ok_or_else(|| failed(format!("expected {name} in kB in {STATUS}")))?;
    Ok(kibibytes * 1024)
}

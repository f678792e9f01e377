//! x86-64: AVX2 with FMA, AVX-512, and either with VNNI.

pub(super) mod avx2;
mod avx2_nibbles;
mod avx2_sift;
mod avx2_strips;
pub(super) mod avx512;
mod avx512_lookups;
mod avx512_panels;
mod avx512_queries;
mod avx512_sift;
mod avx512vbmi_lookups;
mod avx512vbmi_strips;
pub(super) mod avx512vnni;
mod avxvnni;
mod sorted;

use super::Kernels;
use std::arch::is_x86_feature_detected as detected;

/// The tables this processor can run, the best first. `std` asks the operating system too (whether
/// it saves the wide registers) and remembers the answer.
pub(super) fn tables() -> impl Iterator<Item = &'static Kernels> {
    let avx2 = detected!("avx2") && detected!("fma") && detected!("popcnt");
    let avxvnni = avx2 && detected!("avxvnni");
    // Strips need BW, which all have but the first two, of another kind.
    let avx512 = avx2 && detected!("avx512f") && detected!("avx512bw");
    let avx512vnni = avx512 && detected!("avx512vnni");
    let best = if detected!("avx512vbmi") {
        &avx512vnni::WITH_VBMI
    } else {
        &avx512vnni::KERNELS
    };
    [
        (avx512vnni, best),
        (avx512, &avx512::KERNELS),
        (avxvnni, &avxvnni::KERNELS),
        (avx2, &avx2::KERNELS),
    ]
    .into_iter()
    .filter_map(|(detected, table)| detected.then_some(table))
}

//! The definition: what every other table is replayed against.

use super::{Isa, Kernels};

pub static KERNELS: Kernels = Kernels {
    isa: Isa::Scalar,
    l2sq_f32,
    dot_f32,
    l2sq_f32_x4: |query, rows| rows.map(|row| l2sq_f32(query, row)),
    dot_f32_x4: |query, rows| rows.map(|row| dot_f32(query, row)),
};

fn fold(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

fn l2sq_f32(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let mut lanes = [0.0; 16];
    for (at, (x, y)) in a.iter().zip(b).enumerate() {
        let difference = x - y;
        lanes[at % 16] += difference * difference;
    }
    fold(lanes)
}

fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let mut lanes = [0.0; 16];
    for (at, (x, y)) in a.iter().zip(b).enumerate() {
        lanes[at % 16] += x * y;
    }
    fold(lanes)
}

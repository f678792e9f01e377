//! Tables of a query against their definition, written a second time: equal in every bit on every set.

use super::values::Random;
use super::{replay, same};
use crate::kernels::{Kernels, TABLE_BYTES, TABLE_MAX};

type Sixteen = [f32; TABLE_BYTES];

/// Tables, what they leave out, and what one in them stands for.
fn expected(query: &[f32], of_code: usize, values: &[Sixteen]) -> (Vec<u8>, f32, f32) {
    let (mut low, mut widest, mut all) = (0.0, 0.0_f32, Vec::new());
    for (position, numbers) in query.chunks(of_code).enumerate() {
        let shared = values.len() == of_code;
        let values = &values[if shared { 0 } else { position * of_code }..];
        let products: Vec<f32> = (0..TABLE_BYTES)
            .map(|code| {
                let pairs = numbers.iter().zip(values);
                pairs.fold(0.0, |sum, (x, values)| sum + x * values[code])
            })
            .collect();
        let least = products.iter().copied().fold(f32::INFINITY, f32::min);
        let most = products.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        low += least;
        widest = widest.max(most - least);
        all.extend(products.iter().map(|product| product - least));
    }
    let step = widest / f32::from(TABLE_MAX);
    let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
    let six = all.iter().map(|product| {
        let rounded = (product * inverse).round_ties_even();
        let six = (0..=TABLE_MAX).find(|six| f32::from(*six) == rounded);
        six.expect("an integer of six bits")
    });
    (six.collect(), low, step)
}

fn assert_expected(
    table: &Kernels,
    query: &[f32],
    (of_code, values): (usize, &[Sixteen]),
    rest: usize,
) {
    let (mut wanted, low, step) = expected(query, of_code, values);
    let positions = wanted.len() / TABLE_BYTES + rest;
    wanted.resize(positions * TABLE_BYTES, 0);
    let mut products = vec![[f32::NAN; TABLE_BYTES]; positions];
    let mut bytes = vec![255; positions * TABLE_BYTES];
    let told = (table.tables_u6)(query, (of_code, values), &mut products, &mut bytes);
    let what = format!("{:?} of {} by {of_code}", table.isa, query.len());
    assert_eq!(bytes, wanted, "{what}");
    assert!(same(told.0, low), "{what}: {} and {low}", told.0);
    assert!(same(told.1, step), "{what}: {} and {step}", told.1);
}

#[test]
fn tables_are_the_definitions_at_every_length() {
    replay(|table| {
        let mut random = Random(41);
        for numbers in [1, 2, 4] {
            let mut values = |count: usize| -> Vec<Sixteen> {
                let sixteen = || random.ordinary(TABLE_BYTES).try_into().expect("sixteen");
                std::iter::repeat_with(sixteen).take(count).collect()
            };
            let (own, values) = (values(1104), values(numbers));
            let mut random = Random(42);
            for len in (1..70).chain([100, 128, 255, 768, 1101]) {
                let query = random.ordinary(len);
                assert_expected(table, &query, (numbers, &values), len % 3);
                // Of every position its own, those past the last number too.
                let own = &own[..len.next_multiple_of(numbers)];
                assert_expected(table, &query, (numbers, own), len % 3);
            }
            assert_expected(table, &[0.0; 9], (numbers, &values), 1);
            assert_expected(table, &[], (numbers, &values), 2);
        }
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    replay(|table| {
        let values = [[1.0; TABLE_BYTES]; 2];
        for (products, bytes) in [(2, 48), (3, 47)] {
            let call = || {
                let mut products = vec![[0.0; TABLE_BYTES]; products];
                (table.tables_u6)(&[1.0; 6], (2, &values), &mut products, &mut vec![0; bytes])
            };
            let call = std::panic::AssertUnwindSafe(call);
            assert!(std::panic::catch_unwind(call).is_err(), "{:?}", table.isa);
        }
        assert_expected(table, &[1.0; 6], (2, &values), 0);
    });
}

//! Slices that end, and slices that begin, exactly at memory nobody may touch: a kernel that reads
//! one byte outside ends the test process.

use super::{Ahead, CODE_BLOCK, LEN_MAX, SUMS, replay, values::Random};
use crate::kernels::{
    SCAN_QUERIES, STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES, told_room,
};

/// Readable pages between two forbidden ones.
struct Guarded {
    map: *mut libc::c_void,
    page: usize,
    pages: usize,
}

impl Guarded {
    fn new(floats_min: usize) -> Self {
        // SAFETY: sysconf only reads; a fresh anonymous map overlaps nothing, and its first and last
        // page are inside it.
        unsafe {
            let page = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap();
            let pages = (floats_min * 4).div_ceil(page) + 2;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let map = libc::mmap(std::ptr::null_mut(), pages * page, access, flags, -1, 0);
            assert_ne!(map, libc::MAP_FAILED);
            let last = map.byte_add((pages - 1) * page);
            assert_eq!(libc::mprotect(map, page, libc::PROT_NONE), 0);
            assert_eq!(libc::mprotect(last, page, libc::PROT_NONE), 0);
            Self { map, page, pages }
        }
    }

    fn floats(&mut self) -> &mut [f32] {
        // SAFETY: the pages between the outer two are readable, writable, zeroed, aligned and ours
        // for as long as `self` is borrowed.
        unsafe {
            let start = self.map.byte_add(self.page).cast();
            std::slice::from_raw_parts_mut(start, (self.pages - 2) * self.page / 4)
        }
    }

    /// A copy of `row` whose last byte is the last readable one, or whose first is the first.
    fn place(&mut self, row: &[f32], at_end: bool) -> &[f32] {
        let floats = self.floats();
        let start = if at_end { floats.len() - row.len() } else { 0 };
        let place = &mut floats[start..start + row.len()];
        place.copy_from_slice(row);
        place
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: this is the map made in `new`, and no slice of it outlives `self`.
        let failed = unsafe { libc::munmap(self.map, self.pages * self.page) };
        assert_eq!(failed, 0);
    }
}

#[test]
fn nothing_outside_a_slice_is_read() {
    replay(|table| {
        let mut random = Random(7);
        let mut pages = [(); 5].map(|()| Guarded::new(LEN_MAX));
        for len in 0..=LEN_MAX {
            let data = [(); 5].map(|()| random.ordinary(len));
            for at_end in [true, false] {
                let mut data = data.iter();
                let [query, rows @ ..]: [&[f32]; 5] = pages
                    .each_mut()
                    .map(|pages| pages.place(data.next().unwrap(), at_end));
                for sum in SUMS {
                    let four = sum.four(table, query, rows);
                    for (row, got) in rows.into_iter().zip(four) {
                        assert_eq!(sum.one(table, query, row).to_bits(), got.to_bits(), "{len}");
                    }
                }
            }
        }
    });
}

#[test]
fn nothing_outside_codes_is_read() {
    replay(|table| {
        let mut random = Random(8);
        let mut pages = [(); 5].map(|()| Guarded::new(LEN_MAX));
        for floats in (0..=LEN_MAX).step_by(CODE_BLOCK / 4) {
            // Any bits will do, halved for the query.
            let data = [(); 5].map(|()| random.ordinary(floats));
            for at_end in [true, false] {
                let mut data = data.iter();
                let [query, rows @ ..]: [&[f32]; 5] = pages
                    .each_mut()
                    .map(|pages| pages.place(data.next().unwrap(), at_end));
                let query: &[u8] = bytemuck::cast_slice(query);
                let rows = rows.map(bytemuck::cast_slice::<f32, i8>);
                let four = (table.dot_u7i8_x4)(query, &rows, &Ahead::NONE);
                assert_eq!(
                    rows.map(|row| (table.dot_u7i8)(query, row)),
                    four,
                    "{floats}"
                );
            }
        }
    });
}

#[test]
fn nothing_outside_codes_of_four_bits_is_read() {
    replay(|table| {
        let mut random = Random(9);
        let mut pages = [(); 5].map(|()| Guarded::new(LEN_MAX));
        for floats in (0..=LEN_MAX / 2).step_by(CODE_BLOCK / 4) {
            let lengths = [2 * floats, floats, floats, floats, floats];
            let data = lengths.map(|floats| random.ordinary(floats));
            for at_end in [true, false] {
                let mut data = data.iter();
                let [query, rows @ ..]: [&[f32]; 5] = pages
                    .each_mut()
                    .map(|pages| pages.place(data.next().unwrap(), at_end));
                let query: &[u8] = bytemuck::cast_slice(query);
                let rows = rows.map(bytemuck::cast_slice::<f32, u8>);
                let four = (table.dot_u7u4_x4)(query, &rows, &Ahead::NONE);
                assert_eq!(
                    rows.map(|row| (table.dot_u7u4)(query, row)),
                    four,
                    "{floats}"
                );
            }
        }
    });
}

#[test]
fn nothing_outside_strips_is_read() {
    replay(|table| {
        let mut random = Random(10);
        let mut pages = [(); 2].map(|()| Guarded::new(LEN_MAX));
        for floats in (0..=LEN_MAX - STRIP_TERMS_BYTES / 4).step_by(2 * TABLE_BYTES / 4) {
            let data = [floats, floats + STRIP_TERMS_BYTES / 4].map(|len| random.ordinary(len));
            for at_end in [true, false] {
                let mut data = data.iter();
                let [tables, strip]: [&[u8]; 2] = pages
                    .each_mut()
                    .map(|pages| bytemuck::cast_slice(pages.place(data.next().unwrap(), at_end)));
                let terms = ScanTerms {
                    base: 0.0,
                    low: 0.0,
                    step: 1.0,
                    bound: f32::INFINITY,
                };
                let mut scores = [f32::NAN; STRIP_ENTRIES];
                (table.scan_u6u4)(tables, strip, terms, &mut scores);
                if let Some(scan) = table.scan_u6u4_x4 {
                    let mut scores = [scores; SCAN_QUERIES];
                    scan(
                        [tables; SCAN_QUERIES],
                        strip,
                        &[terms; SCAN_QUERIES],
                        &mut scores,
                    );
                }
                if let Some(tell) = table.teller() {
                    tell(
                        tables,
                        strip,
                        &[[0; STRIP_ENTRIES]],
                        terms,
                        &mut told_room(),
                    );
                }
            }
        }
    });
}

//! Bytes.
//!
//! ```text
//! block   0      1      2      3      4      5      dedup 2: block b is unique block b mod 3
//!         u0     u1     u2     u0     u1     u2
//! block   ████████░░░░                              compress 1.5: lines of random bytes, then zeros
//! ```
//! Invariants: of `blocks` blocks, ⌈blocks ÷ dedup⌉ are different, and a repeat is as far away as can
//! be, so that no compressor's window finds it. The random lines of the first `n` unique blocks are
//! n × 1,024 ÷ compress, to one line: shares need not be whole. Both hold for blocks of 64 KiB at
//! multiples of 64 KiB; who looks for repeats in smaller blocks finds the zeros too.
//!
//! A fill that ends within a block keeps where its lanes are, and one that begins there goes on from them:
//! small pieces in a row cost their own bytes. What is kept is what would be drawn anew, so bytes
//! depend on recipe and offset alone.

use super::{STREAM_BYTES, STREAMED_BYTES_MIN, lanes, skip};
use crate::bytes::advise_huge;
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::kernels::Isa;
use crate::kernels::draws::{Draws, LINE_BYTES, Lanes, Store, draws};
use std::sync::Mutex;

/// Bytes with one key.
pub const BLOCK_BYTES: usize = 64 << 10;
/// Fills up to here are one thread's: waking others takes longer.
const SERIAL_BYTES_MAX: usize = 512 << 10;

/// `size` bytes of a seed.
#[derive(Debug)]
pub struct Stream {
    size: u64,
    seed: u64,
    /// Different blocks.
    unique: u64,
    /// Random lines of a block, in 2⁻³² lines.
    lines: u64,
    draws: &'static Draws,
    /// Where the last fill that ended within a block ended. Nobody waits for it: who finds it taken draws anew.
    place: Mutex<Option<Place>>,
}

/// Lanes on their way through a unique block.
#[derive(Debug)]
struct Place {
    id: u64,
    /// The next line they draw.
    line: usize,
    lanes: Lanes,
}

impl Stream {
    /// A stream where each block is there `dedup` times on average and compresses to 1 ÷ `compress`;
    /// both are at least 1 and finite, the size at least 1. `isa` limits the instruction set.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "blocks are below 2^48, and shares of them no more"
    )]
    pub fn new(size: u64, seed: u64, dedup: f64, compress: f64, isa: Option<Isa>) -> Self {
        let blocks = size.div_ceil(BLOCK_BYTES as u64);
        let unique = ((blocks as f64 / dedup).ceil() as u64).clamp(1, blocks.max(1));
        let whole = ((BLOCK_BYTES / LINE_BYTES) as u64) << 32;
        let lines = ((whole as f64 / compress).round() as u64).min(whole);
        Self {
            size,
            seed,
            unique,
            lines,
            draws: draws(isa),
            place: Mutex::new(None),
        }
    }

    /// Bytes there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The instruction set in use.
    pub const fn isa(&self) -> Isa {
        self.draws.isa
    }

    /// Fills `out` with the bytes from `offset` on; how many there were, which is fewer than `out`
    /// holds at the end alone.
    pub fn fill(&self, offset: u64, out: &mut [u8], exec: Exec<'_>) -> Result<usize> {
        let Some(left) = self.size.checked_sub(offset) else {
            return Err(Error::new(
                Code::Option,
                format!("offset {offset}, expected at most the size {}", self.size),
            ));
        };
        let count = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        let out = &mut out[..count];
        advise_huge(out);
        let store = if count >= STREAMED_BYTES_MIN {
            Store::Streamed
        } else {
            Store::Cached
        };
        let exec = if count <= SERIAL_BYTES_MAX {
            Exec::Serial
        } else {
            exec
        };
        let (mut block, within) = (offset / BLOCK_BYTES as u64, in_block(offset));
        let (head, rest) = out.split_at_mut(if within == 0 {
            0
        } else {
            count.min(BLOCK_BYTES - within)
        });
        if !head.is_empty() {
            self.block(block, within, head, store);
            block += 1;
        }
        exec.shares(rest, BLOCK_BYTES, |at, part| {
            self.block(block + at as u64, 0, part, store);
        });
        Ok(count)
    }

    /// Fills `out` from byte `from` of a block.
    fn block(&self, block: u64, from: usize, out: &mut [u8], store: Store) {
        let id = block % self.unique;
        let until = self.random_bytes(id);
        let random = until.saturating_sub(from).min(out.len());
        let (out, zeros) = out.split_at_mut(random);
        zeros.fill(0);
        if random == 0 {
            return;
        }
        let mut lanes = self.lanes_at(id, from);
        let keep = |lanes: &Lanes| {
            if from + random < until {
                self.keep(id, from + random, lanes);
            }
        };
        let mut line = [0; LINE_BYTES];
        let begun = from % LINE_BYTES;
        let mut rest = out;
        if begun > 0 {
            let part = random.min(LINE_BYTES - begun);
            let head = rest.split_off_mut(..part).expect("at most the rest");
            if rest.is_empty() && begun + part < LINE_BYTES {
                keep(&lanes); // the next draws this line again
                (self.draws.lines)(&mut lanes, &mut line, Store::Cached);
                return head.copy_from_slice(&line[begun..][..part]);
            }
            (self.draws.lines)(&mut lanes, &mut line, Store::Cached);
            head.copy_from_slice(&line[begun..]);
        }
        let (lines, tail) = rest.split_at_mut(rest.len() - rest.len() % LINE_BYTES);
        (self.draws.lines)(&mut lanes, lines, store);
        keep(&lanes);
        if !tail.is_empty() {
            (self.draws.lines)(&mut lanes, &mut line, Store::Cached);
            tail.copy_from_slice(&line[..tail.len()]);
        }
    }

    /// The lanes of a unique block that draw the line with its byte `from` next.
    fn lanes_at(&self, id: u64, from: usize) -> Lanes {
        let line = from / LINE_BYTES;
        let place = (from > 0).then(|| self.place.try_lock().ok()).flatten();
        let kept =
            place.and_then(|mut place| place.take_if(|place| place.id == id && place.line <= line));
        let (mut lanes, drawn) = kept.map_or_else(
            || (lanes(self.seed, STREAM_BYTES, id), 0),
            |place| (place.lanes, place.line),
        );
        skip(self.draws, &mut lanes, line - drawn);
        lanes
    }

    /// Notes that these lanes draw the line with byte `from` of a unique block next.
    fn keep(&self, id: u64, from: usize, lanes: &Lanes) {
        if let Ok(mut place) = self.place.try_lock() {
            *place = Some(Place {
                id,
                line: from / LINE_BYTES,
                lanes: lanes.clone(),
            });
        }
    }

    /// Bytes before the zeros of a unique block: what makes the sum over all before it right.
    fn random_bytes(&self, id: u64) -> usize {
        let until = |id: u64| (u128::from(id) * u128::from(self.lines)) >> 32;
        let lines = usize::try_from(until(id + 1) - until(id)).expect("a block's lines");
        lines * LINE_BYTES
    }
}

fn in_block(offset: u64) -> usize {
    usize::try_from(offset % BLOCK_BYTES as u64).expect("less than a block")
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "sizes of tests are small"
)]
mod tests {
    use super::*;
    use crate::kernels::draws::available;
    use crate::rng::value;
    use std::collections::HashSet;

    fn made(stream: &Stream, offset: u64, bytes: usize) -> Vec<u8> {
        let mut out = vec![0xA5; bytes];
        let count = stream.fill(offset, &mut out, Exec::Serial).unwrap();
        out.truncate(count);
        out
    }

    /// The stream of a seed, written a second time: one lane after the other.
    fn reference(seed: u64, bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes.next_multiple_of(BLOCK_BYTES)];
        for (block, out) in out.chunks_exact_mut(BLOCK_BYTES).enumerate() {
            let key = value(seed, 16, block as u64);
            for lane in 0..8 {
                let mut s: [u64; 4] = std::array::from_fn(|word| {
                    let step = (word * 8 + lane + 1) as u64;
                    let mut z = key.wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    z ^ (z >> 31)
                });
                for line in out.chunks_exact_mut(64) {
                    let word = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
                    line[lane * 8..][..8].copy_from_slice(&word.to_le_bytes());
                    let t = s[1] << 17;
                    s[2] ^= s[0];
                    s[3] ^= s[1];
                    s[1] ^= s[2];
                    s[0] ^= s[3];
                    s[2] ^= t;
                    s[3] = s[3].rotate_left(45);
                }
            }
        }
        out.truncate(bytes);
        out
    }

    #[test]
    fn every_instruction_set_makes_the_bytes_of_the_definition() {
        let bytes = 3 * BLOCK_BYTES + 1001;
        for seed in [0, 1, 7, u64::MAX] {
            let expected = reference(seed, bytes);
            for table in available() {
                let stream = Stream::new(bytes as u64, seed, 1.0, 1.0, Some(table.isa));
                assert_eq!(stream.isa(), table.isa);
                assert!(made(&stream, 0, bytes + 5) == expected, "{:?}", table.isa);
            }
        }
    }

    /// Sizes from one byte to over three MiB, at offsets everywhere, into memory of any alignment.
    #[test]
    fn pieces_of_any_size_at_any_offset_make_one_stream() {
        let size = 4 * (1 << 20) + 77;
        for (dedup, compress) in [(1.0, 1.0), (1.7, 1.0), (1.0, 2.3), (3.0, 1.5)] {
            let stream = Stream::new(size as u64, 5, dedup, compress, None);
            let whole = made(&stream, 0, size);
            assert_eq!(whole.len(), size);
            let mut room = vec![0; size + 64];
            let mut case = 0;
            let mut check = |offset: usize, bytes: usize| {
                case += 1;
                let place = value(9, 1, case) as usize % 64;
                room[place..][..=bytes].fill(0xA5);
                let count = stream
                    .fill(offset as u64, &mut room[place..][..bytes], Exec::Global)
                    .unwrap();
                assert_eq!(count, bytes.min(size - offset));
                assert!(
                    room[place..][..count] == whole[offset..][..count],
                    "{offset} {bytes}"
                );
                assert!(
                    room[place + count..=place + bytes]
                        .iter()
                        .all(|&b| b == 0xA5)
                );
            };
            for bytes in (1..300).chain([4095, 4096, 65_535, 65_536, 65_537, (3 << 20) + 7]) {
                for near in [0, 1, 63, 64, 65, 1000, 65_535, 65_536, 65_599, 131_072] {
                    check(near, bytes);
                    check(size - near, bytes.min(near));
                }
                check(value(9, 2, bytes as u64) as usize % size, bytes);
            }
        }
    }

    /// Every size up to a page, and all around each length where a fill takes another way: a line, a block, one
    /// thread or several, stores past the caches. Between two of these a longer fill has more whole blocks in its middle,
    /// each made by the same call, and how it begins and ends depends on offset and end within their blocks alone.
    #[test]
    fn every_size_around_every_edge_is_as_the_definition_says() {
        let size = STREAMED_BYTES_MIN + 3 * BLOCK_BYTES + 77;
        let scalar = Stream::new(size as u64, 6, 1.0, 1.0, Some(Isa::Scalar));
        let whole = made(&scalar, 0, size);
        assert!(whole[..300_000] == reference(6, 300_000));
        let stream = Stream::new(size as u64, 6, 1.0, 1.0, None);
        let mut room = vec![0; size + 64];
        let mut check = |offset: usize, bytes: usize, place: usize| {
            room[place..][..=bytes].fill(0xA5);
            let out = &mut room[place..][..bytes];
            let count = stream.fill(offset as u64, out, Exec::Global).unwrap();
            let (expected, found) = (&whole[offset..][..count], &room[place..]);
            assert!(count == bytes.min(size - offset) && found[..count] == *expected);
            assert!(found[count..=bytes].iter().all(|&b| b == 0xA5));
        };
        for bytes in 1..=4096 {
            for offset in [
                0,
                bytes * 61 % BLOCK_BYTES,
                BLOCK_BYTES - bytes / 2,
                size - bytes,
            ] {
                check(offset, bytes, bytes * 7 % 64);
            }
        }
        for offset in (0..=130).chain(BLOCK_BYTES - 130..=BLOCK_BYTES + 130) {
            for bytes in 1..=130 {
                check(offset, bytes, (offset + bytes) % 64);
            }
        }
        for edge in [BLOCK_BYTES, SERIAL_BYTES_MAX, 1 << 20, (3 << 20) + 7] {
            for bytes in edge - 65..=edge + 65 {
                for offset in [0, BLOCK_BYTES - 1, BLOCK_BYTES + bytes % 64] {
                    check(offset, bytes, bytes * 8 % 64);
                }
            }
        }
        for bytes in [
            STREAMED_BYTES_MIN - 1,
            STREAMED_BYTES_MIN,
            STREAMED_BYTES_MIN + 63,
        ] {
            for (offset, place) in [(0, 0), (1, 3), (64, 8), (BLOCK_BYTES - 8, 40)] {
                check(offset, bytes, place);
            }
        }
    }

    #[test]
    fn threads_do_not_change_the_stream() {
        let size = 9 * (1 << 20) + 13;
        let stream = Stream::new(size as u64, 5, 1.3, 1.1, None);
        let serial = made(&stream, 100, size);
        for threads in [2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            for exec in [Exec::Pool(&pool), Exec::Placed(&pool)] {
                let mut out = vec![0; size];
                let count = stream.fill(100, &mut out, exec).unwrap();
                assert!(out[..count] == serial, "{exec:?}");
            }
        }
    }

    /// In a row, with steps back, leaps within a block and to others between: what is kept is never wrong.
    #[test]
    fn small_pieces_go_on_where_the_last_ended() {
        let size = 5 * BLOCK_BYTES + 77;
        for (dedup, compress) in [(1.0, 1.0), (2.5, 1.0), (1.0, 1.7), (2.5, 3.0)] {
            let stream = Stream::new(size as u64, 8, dedup, compress, None);
            let whole = made(&Stream::new(size as u64, 8, dedup, compress, None), 0, size);
            let mut offset = 0;
            for step in 0..20_000 {
                let draw = value(4, 2, step);
                let bytes =
                    (draw % [1, 3, 64, 65, 200, 5000][(draw >> 8) as usize % 6]) as usize + 1;
                let piece = made(&stream, offset as u64, bytes);
                assert!(
                    piece == whole[offset..][..piece.len()],
                    "{bytes} from {offset}"
                );
                offset = match (draw >> 16) % 16 {
                    0 => (draw >> 32) as usize % size,
                    1 => offset.saturating_sub((draw >> 32) as usize % 1000),
                    2 => (offset + (draw >> 32) as usize % 1000).min(size),
                    3 => (offset + BLOCK_BYTES).min(size),
                    _ => offset + piece.len(),
                };
            }
        }
    }

    /// A place is kept within a block, at the line of the byte that comes next, and nowhere else.
    #[test]
    fn a_place_is_kept_for_whom_it_serves() {
        let stream = Stream::new(1 << 20, 8, 1.0, 2.0, None);
        let line = |offset: u64, bytes: usize| {
            made(&stream, offset, bytes);
            let place = stream.place.lock().unwrap();
            place.as_ref().map(|place| (place.id, place.line))
        };
        assert_eq!(line(0, 100), Some((0, 1)));
        assert_eq!(line(100, 10), Some((0, 1)));
        assert_eq!(line(110, 18), Some((0, 2)));
        assert_eq!(line(128, 1), Some((0, 2)));
        // Half of a block is zeros: neither they nor whole blocks need lanes.
        assert_eq!(line(129, 60_000), None);
        assert_eq!(line(65_536, 65_536), None);
        assert_eq!(line(131_072 + 7, 1), Some((2, 0)));
    }

    #[test]
    fn streamed_stores_write_the_same_bytes() {
        let bytes = STREAMED_BYTES_MIN + 999;
        let stream = Stream::new(bytes as u64, 5, 1.0, 1.0, None);
        let mut out = vec![0; bytes + 32];
        for place in [0, 5, 16, 32] {
            let out = &mut out[place..][..bytes];
            stream.fill(0, out, Exec::Global).unwrap();
            for (at, part) in (0..).step_by(1 << 20).zip(out.chunks(1 << 20)) {
                assert!(
                    made(&stream, at, 1 << 20) == part,
                    "from {at}, place {place}"
                );
            }
            out.fill(0);
        }
    }

    #[test]
    fn ratios_hold_to_a_block() {
        let blocks = 501;
        let size = blocks * BLOCK_BYTES;
        for ratio in [1.0, 1.01, 1.5, 2.0, std::f64::consts::PI, 10.0, 500.0, 1e6] {
            let stream = Stream::new(size as u64, 3, ratio, 1.0, None);
            let bytes = made(&stream, 0, size);
            let unique: HashSet<&[u8]> = bytes.chunks_exact(BLOCK_BYTES).collect();
            let wanted = blocks as f64 / ratio;
            assert!(
                (unique.len() as f64 - wanted.max(1.0)).abs() <= 1.0,
                "dedup {ratio}"
            );

            let stream = Stream::new(size as u64, 3, 1.0, ratio, None);
            let bytes = made(&stream, 0, size);
            let random = bytes
                .chunks_exact(64)
                .filter(|line| line.iter().any(|&b| b != 0));
            let random = random.count() as f64;
            let wanted = (size / 64) as f64 / ratio;
            assert!(
                (random - wanted).abs() <= 1.0,
                "compress {ratio}: {random}, {wanted}"
            );
        }
    }

    #[test]
    fn neighbouring_seeds_share_no_line() {
        let bytes = 8 << 20;
        let mut seen = HashSet::new();
        for seed in [0, 1, 2, 3] {
            let stream = Stream::new(bytes, seed, 1.0, 1.0, None);
            for line in made(&stream, 0, 8 << 20).chunks_exact(64) {
                let words: [u64; 2] = std::array::from_fn(|at| {
                    u64::from_le_bytes(line[at * 8..][..8].try_into().unwrap())
                });
                assert!(seen.insert(words), "seed {seed}");
            }
        }
    }

    #[test]
    fn bits_are_balanced_at_every_place() {
        let bytes = 16 << 20;
        let stream = Stream::new(bytes as u64, 11, 1.0, 1.0, None);
        let made = made(&stream, 0, bytes);
        let lines: Vec<&[u64]> = made
            .chunks_exact(64)
            .map(|line| bytemuck::try_cast_slice(line).unwrap_or(&[]))
            .filter(|words: &&[u64]| !words.is_empty())
            .collect();
        assert_eq!(lines.len(), bytes / 64, "memory is aligned to words");
        let half = lines.len() as f64 / 2.0;
        let bound = 6.0 * (lines.len() as f64).sqrt() / 2.0;
        // Each bit of a line alone, and against the same bit of the next word, line and block.
        for (what, apart) in [("alone", 0), ("line", 1), ("block", BLOCK_BYTES / 64)] {
            for lane in 0..8 {
                let mut ones = [0u32; 64];
                for at in 0..lines.len() {
                    let other = match apart {
                        0 => 0,
                        apart => lines[(at + apart) % lines.len()][lane],
                    };
                    let mut word = lines[at][lane] ^ other;
                    while word != 0 {
                        ones[word.trailing_zeros() as usize] += 1;
                        word &= word - 1;
                    }
                }
                for count in ones {
                    assert!(
                        (f64::from(count) - half).abs() < bound,
                        "{what}, lane {lane}: {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_offset_past_the_end_is_refused_and_the_end_is_empty() {
        let stream = Stream::new(10, 0, 1.0, 1.0, None);
        assert!(made(&stream, 10, 5).is_empty());
        let error = stream.fill(11, &mut [0; 3], Exec::Serial).unwrap_err();
        assert_eq!(
            error.to_string(),
            "OPTION: offset 11, expected at most the size 10"
        );
    }
}

//! How fast this machine stores, and how fast the core makes bytes without a binding between: a request a line
//! on stdin, an answer a line on stdout.
//!
//! ```text
//! {"do": "memset" | "streamed" | "generate", "bytes": n, "chunk": c, "threads": t}   -> {"seconds": s}
//! ```
//! One buffer of `chunk` bytes is filled over and over until `bytes` are written: by `memset`, by stores that pass
//! the caches by, or by the generator. Its pages are touched before the clock starts, and all three cut it
//! into the same parts for the same pool.

use nearfield::datagen::{BLOCK_BYTES, Stream};
use nearfield::exec::Exec;
use rayon::ThreadPool;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let mut session = Session::default();
    for line in stdin().lock().lines() {
        let answer = session.answer(&line?);
        let answer = answer.unwrap_or_else(|error| json!({ "error": error }));
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

#[derive(Default)]
struct Session {
    buffer: Vec<u8>,
    pools: HashMap<usize, ThreadPool>,
}

impl Session {
    fn answer(&mut self, line: &str) -> Result<Value, String> {
        let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let number = |name: &str| {
            let number = request[name].as_u64().filter(|&number| number > 0);
            let number = number.and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| format!("expected a number {name}, received {}", request[name]))
        };
        let (bytes, chunk, threads) = (number("bytes")?, number("chunk")?, number("threads")?);
        if self.buffer.len() != chunk {
            self.buffer = Vec::new(); // the old one goes first
            self.buffer.resize(chunk, 1);
        }
        let exec = if threads == 1 {
            Exec::Serial
        } else {
            let pool = self.pools.entry(threads).or_insert_with(|| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build().expect("threads can be had")
            });
            Exec::Pool(pool)
        };
        let buffer = &mut self.buffer;
        let seconds = match request["do"].as_str() {
            Some("memset") => timed(bytes, chunk, |at| {
                let value = low_byte(at);
                exec.parts(buffer, BLOCK_BYTES, |_, part| part.fill(value));
            }),
            Some("streamed") => {
                let stream = streamed().ok_or("no streaming stores on this machine")?;
                timed(bytes, chunk, |at| {
                    exec.parts(buffer, BLOCK_BYTES, |_, part| stream(part, low_byte(at)));
                })
            }
            Some("generate") => {
                let made = Stream::new(bytes as u64, 7, 1.0, 1.0, None);
                timed(bytes, chunk, |at| {
                    made.fill(at as u64, buffer, exec).expect("within its size");
                })
            }
            _ => {
                return Err(format!(
                    "expected memset, streamed or generate, received {line}"
                ));
            }
        };
        Ok(json!({ "seconds": seconds }))
    }
}

fn low_byte(at: usize) -> u8 {
    at.to_le_bytes()[2] | 1
}

/// Seconds for as many calls as chunks have room for `bytes`, after one that does not count.
fn timed(bytes: usize, chunk: usize, mut call: impl FnMut(usize)) -> f64 {
    call(0);
    let started = Instant::now();
    for at in (0..bytes).step_by(chunk) {
        call(at);
    }
    started.elapsed().as_secs_f64()
}

type StreamedFill = fn(&mut [u8], u8);

/// The widest stores past the caches there are.
#[cfg(target_arch = "x86_64")]
fn streamed() -> Option<StreamedFill> {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the instructions were just detected.
        return Some(|out, value| unsafe { x86_64::fill_avx512(out, value) });
    }
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the instructions were just detected.
        return Some(|out, value| unsafe { x86_64::fill_avx2(out, value) });
    }
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn streamed() -> Option<StreamedFill> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::x86_64::{
        __m256i, __m512i, _mm_sfence, _mm256_set1_epi8, _mm256_stream_si256, _mm512_set1_epi8,
        _mm512_stream_si512,
    };

    /// Fills the lines of a slice that lie in it whole.
    #[target_feature(enable = "avx512f")]
    pub fn fill_avx512(out: &mut [u8], value: u8) {
        let word = _mm512_set1_epi8(value.cast_signed());
        // SAFETY: every bit pattern is bytes.
        let (_, lines, _) = unsafe { out.align_to_mut::<__m512i>() };
        for line in lines {
            // SAFETY: a reference to it is aligned and may be written.
            unsafe { _mm512_stream_si512(line, word) };
        }
        _mm_sfence();
    }

    /// Fills the half lines of a slice that lie in it whole.
    #[target_feature(enable = "avx2")]
    pub fn fill_avx2(out: &mut [u8], value: u8) {
        let word = _mm256_set1_epi8(value.cast_signed());
        // SAFETY: every bit pattern is bytes.
        let (_, halves, _) = unsafe { out.align_to_mut::<__m256i>() };
        for half in halves {
            // SAFETY: a reference to it is aligned and may be written.
            unsafe { _mm256_stream_si256(half, word) };
        }
        _mm_sfence();
    }
}
